-- The order a case is about, as our own log has it.
-- What is promised and not paid out yet counts as given: nothing is promised twice.
-- A code counts as shown by the line the transition log has of it: its text is deleted early.
SELECT a.rented_at, a.deadline_at, a.price_minor, a.charge, a.service, a.order_ref, a.order_facts, a.settled,
       CASE a.state WHEN 'refunded' THEN a.price_minor ELSE 0 END
         + coalesce((SELECT sum(t.amount_minor) FROM transfer t
                      WHERE t.activation_id = a.id AND t.source = 'house:revenue'), 0)::bigint
         -- What it takes out of the balance was given before.
         + coalesce((SELECT sum(greatest(0, d.amount_minor - c.withheld_minor))
                       FROM case_ c
                       JOIN LATERAL (SELECT amount_minor FROM decision
                                      WHERE subject = c.id AND op <> 'sla_tick'
                                      ORDER BY seq DESC LIMIT 1) d ON true
                      WHERE c.activation_id = a.id AND c.state = 'approved'), 0)::bigint
         AS credited_minor,
       (SELECT min(c.received_at) FROM code c WHERE c.activation_id = a.id) AS sms_received_at,
       coalesce((SELECT min(t.at) FROM transition t
                  WHERE t.activation_id = a.id AND t.what = 'code'),
                -- Of a number whose books were dropped its codes tell it.
                (SELECT min(c.received_at) FROM code c
                  WHERE c.activation_id = a.id AND c.code IS NOT NULL)) AS sms_displayed_at
  FROM activation a WHERE a.id = CAST(:id AS uuid)
