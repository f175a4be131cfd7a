-- Purchases of which nobody knows whether they were sold, oldest first: those whose customer waits,
-- those that are an exposure, and the others for a day. A history goes back a month at most.
SELECT p.id, a.service, a.country, p.asked_at,
       CAST(p."order" ->> 'max_cost_minor' AS bigint) AS max_cost_minor, p.absent_at,
       p."order" -> 'options' AS options, a.settled,
       (SELECT earlier.phone FROM activation earlier
         WHERE earlier.id = CAST(p."order" -> 'options' ->> 'reuse' AS uuid)) AS reused_phone
  FROM purchase p JOIN activation a USING (id)
 WHERE p.provider = :provider AND p.state = 'unknown' AND p.unsold_at IS NULL
   AND a.provider_ref IS NULL AND p.asked_at > now() - CAST(:oldest AS interval)
   AND (NOT a.settled OR p.asked_at > now() - interval '1 day'
        OR EXISTS (SELECT FROM exposure e WHERE e.activation_id = p.id AND e.state = 'open'))
 ORDER BY p.asked_at, p.id
