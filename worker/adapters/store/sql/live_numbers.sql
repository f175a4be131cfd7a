-- Numbers that can still get a code, in id order, to rebuild the schedule page by page.
SELECT id, provider_ref, rented_at, deadline_at FROM activation
 WHERE provider = :provider AND NOT settled AND provider_ref IS NOT NULL
   AND state IN ('waiting', 'received')
   AND (CAST(:after AS uuid) IS NULL OR id > CAST(:after AS uuid))
 ORDER BY id LIMIT :limit
