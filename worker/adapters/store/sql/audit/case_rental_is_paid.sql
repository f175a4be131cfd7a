-- Every rental was paid once, its price with each prolongation, and nothing else was paid as one.
WITH due AS (
    SELECT 'rental:' || r.id AS key, r.account, r.currency, r.id,
           r.price_minor - coalesce(sum(o.price_minor), 0)::bigint AS amount_minor
      FROM rental r
      LEFT JOIN rental_order o ON o.rental_id = r.id AND o.kind = 'prolong' AND o.state = 'done'
     GROUP BY r.id
    UNION ALL
    SELECT 'prolong:' || o.id, o.account, o.currency, o.rental_id, o.price_minor
      FROM rental_order o WHERE o.kind = 'prolong' AND o.state = 'done'
)
SELECT coalesce(due.id::text, t.key) AS offender
  FROM due FULL JOIN (SELECT * FROM transfer WHERE key LIKE 'rental:%' OR key LIKE 'prolong:%') t
    ON t.key = due.key
 WHERE due.key IS NULL OR t.key IS NULL
    OR (t.account, t.amount_minor, t.currency) <> (due.account, due.amount_minor, due.currency)
