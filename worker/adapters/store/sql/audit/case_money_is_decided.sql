-- Cases move what was decided, once and within the price, and hold what they have set aside.
WITH moved AS (
    SELECT split_part(key, ':', 1) AS kind, split_part(key, ':', 2) AS id, key, amount_minor
      FROM transfer
     WHERE split_part(key, ':', 1) IN
           ('claim', 'withhold', 'giveback', 'excess', 'withdraw', 'fee', 'void')
),
last AS (
    SELECT DISTINCT ON (subject) subject::text AS id, amount_minor, fee_minor
      FROM decision WHERE op <> 'sla_tick' ORDER BY subject, seq DESC
),
given AS (
    SELECT coalesce(c.activation_id, c.rental_id) AS thing,
           -- What a claim takes out of the balance was given before.
           sum(coalesce(m.amount_minor, greatest(0, last.amount_minor - c.withheld_minor))) AS total
      FROM case_ c
      LEFT JOIN moved m ON m.id = c.id::text AND m.kind = 'claim'
      LEFT JOIN last ON last.id = c.id::text
     WHERE c.kind IN ('claim', 'rental_outage', 'rental_cancel', 'rental_end') AND (m.id IS NOT NULL OR c.state = 'approved')
     GROUP BY 1
)
SELECT m.key AS offender
  FROM moved m LEFT JOIN case_ c ON c.id::text = m.id LEFT JOIN last ON last.id = m.id
 WHERE c.id IS NULL
    OR m.kind IN ('claim', 'withdraw', 'void')
       AND last.amount_minor IS DISTINCT FROM
           CASE m.kind WHEN 'void' THEN m.amount_minor
                       ELSE (SELECT sum(o.amount_minor) FROM moved o
                              WHERE o.id = m.id AND o.kind IN ('claim', 'withdraw')) END
    -- Of its own part of a claim the house keeps the fee by paying less.
    OR m.kind = 'fee' AND (m.amount_minor > coalesce(last.fee_minor, 0)
                           OR c.kind = 'withdrawal' AND m.amount_minor <> last.fee_minor)
    OR m.kind = 'claim' AND c.state NOT IN ('granted', 'paid')
    OR m.kind IN ('withdraw', 'fee') AND c.state <> 'paid'
UNION ALL
SELECT c.id::text FROM case_ c LEFT JOIN last ON last.id = c.id::text
 WHERE c.kind IN ('claim', 'rental_outage', 'rental_cancel', 'rental_end') AND c.state IN ('granted', 'paid')
   -- Where the fee is as large as the sum, nothing is left to be moved.
   AND NOT (c.state = 'paid' AND last.amount_minor = 0 AND last.fee_minor > 0)
   AND NOT EXISTS (SELECT FROM moved m WHERE m.id = c.id::text
                      AND (m.kind = 'claim' OR m.kind = 'withdraw' AND c.state = 'paid'))
UNION ALL
SELECT given.thing::text
  FROM given LEFT JOIN activation a ON a.id = given.thing LEFT JOIN rental r ON r.id = given.thing
 WHERE given.total + CASE a.state WHEN 'refunded' THEN a.price_minor ELSE 0 END
         > coalesce(a.price_minor, r.price_minor)
UNION ALL
SELECT c.id::text
  FROM case_ c
  LEFT JOIN (SELECT id, sum(CASE kind WHEN 'withhold' THEN amount_minor ELSE -amount_minor END)
               AS aside
               FROM moved WHERE kind IN ('withhold', 'giveback', 'excess', 'withdraw', 'fee')
              GROUP BY id) m ON m.id = c.id::text
 WHERE c.withheld_minor <> coalesce(m.aside, 0) OR c.closed_at IS NOT NULL AND c.withheld_minor > 0
