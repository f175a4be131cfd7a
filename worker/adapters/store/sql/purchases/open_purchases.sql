-- Purchases whose number nobody knows: those whose customer waits, and, as far back as asked, those
-- whose customer is whole already. Who waits goes first, who was proven unsold last: of a number
-- that fits several, the first is given it.
--
-- Two reads of what there is now: one with both conditions would read all that was ever unknown. So
-- would a join without the LIMIT, which looks up one by one.
SELECT one.id, one.service, one.country, one.asked_at, one.max_cost_minor, one.options,
       one.reused_phone, one.settled
  FROM (SELECT id FROM live WHERE at_provider = :provider AND ref IS NULL
         UNION
        SELECT young.id FROM purchase young
         WHERE young.provider = :provider AND young.state = 'unknown'
           AND young.asked_at > now() - CAST(:settled_for AS interval)) now_
 CROSS JOIN LATERAL (
    SELECT p.id, a.service, a.country, p.asked_at, p.unsold_at, a.settled,
           CAST(p."order" ->> 'max_cost_minor' AS bigint) AS max_cost_minor,
           p."order" -> 'options' AS options,
           (SELECT earlier.phone FROM activation earlier
             WHERE earlier.id = CAST(p."order" -> 'options' ->> 'reuse' AS uuid)) AS reused_phone
      FROM purchase p JOIN activation a USING (id)
     WHERE p.id = now_.id AND p.state = 'unknown' AND a.provider_ref IS NULL
     LIMIT 1) one
 ORDER BY one.unsold_at IS NOT NULL, one.settled, one.asked_at, one.id
