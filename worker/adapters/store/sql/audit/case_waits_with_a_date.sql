-- Nothing waits without a date: an open case has a timer, an obligation or a review; an order in doubt a timer.
-- A review without a date of its policy is listed by its opening.
SELECT c.id::text AS offender
  FROM case_ c
 WHERE c.closed_at IS NULL
   AND NOT EXISTS (SELECT FROM timer t WHERE t.subject = c.id AND t.fired_at IS NULL)
   AND NOT EXISTS (SELECT FROM obligation o WHERE o.case_id = c.id AND o.ended_at IS NULL)
   AND NOT EXISTS (SELECT FROM review r WHERE r.case_id = c.id AND r.closed_at IS NULL)
   -- What was opened before obligations were kept has none until something changes it.
   AND EXISTS (SELECT FROM obligation o WHERE o.case_id = c.id)
UNION ALL
-- What ends at its date has a timer that rings by then; of the rest it is told that the shop is late.
SELECT o.id::text
  FROM obligation o
 WHERE o.ended_at IS NULL
   AND o.what IN ('replacement', 'access', 'kyc', 'payment_info', 'alternative', 'answer')
   AND NOT EXISTS (SELECT FROM timer t WHERE t.subject = o.case_id AND t.fired_at IS NULL
                      AND t.due_at <= o.by_when)
UNION ALL
SELECT o.id::text
  FROM obligation o JOIN case_ c ON c.id = o.case_id
 WHERE o.ended_at IS NULL AND c.closed_at IS NOT NULL
UNION ALL
-- Where it has fired, it was told that nobody has decided it yet.
SELECT o.id::text
  FROM rental_order o
 WHERE o.ended_at IS NULL AND o.state = 'unknown'
   AND (o.decide_by IS NULL
        OR NOT EXISTS (SELECT FROM timer t WHERE t.kind = 'rental_order_late' AND t.subject = o.id))
