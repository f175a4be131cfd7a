-- What is not settled has its row among those that live, and nothing else has one.
SELECT coalesce(a.id, l.id)::text AS offender
  FROM (SELECT id, provider, ending_at, provider_ref FROM activation WHERE NOT settled) a
  FULL JOIN live l ON l.id = a.id
 WHERE a.id IS NULL OR l.id IS NULL
    OR (l.at_provider, l.ends_at) <> (a.provider, a.ending_at)
    OR l.ref IS DISTINCT FROM a.provider_ref
