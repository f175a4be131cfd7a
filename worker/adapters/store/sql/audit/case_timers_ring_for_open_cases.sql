-- Every timer rings for what is there and open, and what waits for a date or a human can be found.
-- Nobody else would ever look at a case, or end a rental, whose date was lost.
SELECT t.kind || ':' || t.subject AS offender FROM timer t
 WHERE fired_at IS NULL
   AND CASE t.kind WHEN 'claim_window' THEN NOT EXISTS (SELECT FROM activation a WHERE a.id = t.subject)
                 WHEN 'rental_end' THEN NOT EXISTS (SELECT FROM rental r WHERE r.id = t.subject)
                 WHEN 'rental_empty' THEN NOT EXISTS (SELECT FROM rental r WHERE r.id = t.subject)
                 WHEN 'rental_close' THEN NOT EXISTS (SELECT FROM rental r WHERE r.id = t.subject
                                                         AND r.ended_at IS NOT NULL)
                 WHEN 'balance_idle' THEN NOT EXISTS (SELECT FROM account_idle i WHERE i.subject = t.subject)
                 WHEN 'rental_order' THEN NOT EXISTS (SELECT FROM rental_order o WHERE o.id = t.subject)
                 WHEN 'rental_order_late' THEN NOT EXISTS (SELECT FROM rental_order o WHERE o.id = t.subject)
                 WHEN 'review_late' THEN NOT EXISTS (SELECT FROM obligation o WHERE o.id = t.subject)
                                     AND NOT EXISTS (SELECT FROM activation a WHERE a.id = t.subject)
                 -- What newer code sets for another kind is for its own audit to judge.
                 ELSE t.kind IN ('sms_window', 'evidence_due', 'rectification', 'host_access_grace',
                                 'honour', 'outage_threshold', 'outage_end', 'balance_credit_sla',
                                 'review_sla', 'payment_info', 'refund_payment', 'open_order_hold',
                                 'deletion_hold', 'obligation')
                      AND NOT EXISTS (SELECT FROM case_ c WHERE c.id = t.subject AND c.closed_at IS NULL)
       END
UNION ALL
SELECT c.id::text FROM case_ c
 WHERE (c.state = 'in_review')
         <> EXISTS (SELECT FROM review r WHERE r.case_id = c.id AND r.closed_at IS NULL)
UNION ALL
SELECT c.id::text FROM case_ c
 WHERE c.state = 'waiting'
   AND NOT EXISTS (SELECT FROM timer t
                    WHERE t.subject = c.id AND t.fired_at IS NULL
                      -- That the shop is late is told, and moves nothing.
                      AND t.kind NOT IN ('honour', 'balance_credit_sla', 'review_sla',
                                         'refund_payment'))
   AND NOT EXISTS (SELECT FROM obligation o WHERE o.case_id = c.id AND o.ended_at IS NULL)
   -- The clock stands still until the customer lets the shop in: only he starts it again.
   AND (SELECT d.reason FROM decision d WHERE d.subject = c.id AND d.op <> 'sla_tick'
         ORDER BY d.seq DESC LIMIT 1) IS DISTINCT FROM 'host_access_pending'
UNION ALL
SELECT r.id::text FROM rental r
 WHERE r.ended_at IS NULL
   AND NOT EXISTS (SELECT FROM timer t WHERE t.subject = r.id AND t.kind = 'rental_end'
                      AND t.fired_at IS NULL)
