-- Waiting numbers that a list did not name. Absence proves nothing: each is only looked at, in turn.
SELECT id, provider_ref, rented_at, deadline_at FROM activation
 WHERE id = ANY(ARRAY(SELECT live.id FROM live WHERE at_provider = :provider))
   AND NOT settled AND state = 'waiting' AND provider_ref IS NOT NULL
   -- Not an index condition: the oldest of all rows ever stored are no help to find live ones.
   AND rented_at + interval '0' < :rented_before AND created_at < :rented_before
   AND deadline_at >= now()
   AND NOT EXISTS (SELECT FROM unnest(CAST(:listed AS text[])) AS l(ref) WHERE l.ref = provider_ref)
 ORDER BY coalesce(id <= CAST(:after AS uuid), false), id LIMIT :limit
