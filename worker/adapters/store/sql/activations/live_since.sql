-- Numbers that can still get a code and were stored since then, newest first: those that another
-- process may have put on a schedule of its own, while Redis is away.
-- Each live number's row is read by its id. A plan of the database's choice may read the whole table.
SELECT id, ref AS provider_ref, rented_at, deadline_at
  FROM live CROSS JOIN LATERAL (
       SELECT rented_at, deadline_at, created_at FROM activation a
        WHERE a.id = live.id AND NOT settled AND state IN ('waiting', 'received') LIMIT 1) number
 WHERE at_provider = :provider AND ref IS NOT NULL AND created_at >= CAST(:since AS timestamptz)
 ORDER BY created_at DESC LIMIT :limit
