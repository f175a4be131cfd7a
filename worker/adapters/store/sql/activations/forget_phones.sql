-- Forget the phones of numbers that were rented long ago and rest: nobody is to be asked about them.
-- What a provider still owes or says otherwise is found by its phone, too.
WITH old AS MATERIALIZED (
    SELECT a.id FROM activation a
     WHERE a.phone IS NOT NULL
       AND a.rented_at < {{now}} - CAST(:time AS interval)
       AND a.settled AND a.pursue_at IS NULL AND a.provider_state <> 'disputed'
       AND NOT EXISTS (SELECT FROM exposure e WHERE e.activation_id = a.id AND e.state = 'open')
       AND NOT EXISTS (SELECT FROM provider_dispute p
                        WHERE p.activation_id = a.id AND p.ended_at IS NULL)
       AND NOT EXISTS (SELECT FROM case_ o
                        WHERE o.activation_id = a.id AND o.closed_at IS NULL)
       AND NOT EXISTS (SELECT FROM timer t WHERE t.subject = a.id AND t.fired_at IS NULL)
     ORDER BY a.rented_at LIMIT :limit
       FOR NO KEY UPDATE OF a SKIP LOCKED
)
UPDATE activation a
   SET phone = NULL
  FROM old WHERE a.id = old.id
