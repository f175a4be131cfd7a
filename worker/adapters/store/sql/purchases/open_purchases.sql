-- Purchases whose number nobody knows, oldest first: those whose customer waits, and, as far back as
-- asked, those whose customer is whole already.
SELECT p.id, a.service, a.country, p.asked_at,
       CAST(p."order" ->> 'max_cost_minor' AS bigint) AS max_cost_minor
  FROM purchase p JOIN activation a USING (id)
 WHERE p.provider = :provider AND p.state = 'unknown' AND a.provider_ref IS NULL
   AND (NOT a.settled OR p.asked_at > now() - CAST(:settled_for AS interval))
 ORDER BY p.asked_at, p.id
