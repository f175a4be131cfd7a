-- The newest cases of each of some accounts: what else happened to whoever is decided about.
SELECT c.id, c.account, c.kind, c.subject, c.state, c.opened_at,
       coalesce((SELECT sum(t.amount_minor) FROM transfer t
                  WHERE t.key IN ('claim:' || c.id, 'withdraw:' || c.id)), 0)::bigint AS moved_minor
  FROM unnest(CAST(:accounts AS text[])) AS wanted(account)
 CROSS JOIN LATERAL (SELECT * FROM case_ WHERE case_.account = wanted.account
                      ORDER BY opened_at DESC, id DESC LIMIT :each) c
 ORDER BY c.opened_at DESC, c.id DESC
