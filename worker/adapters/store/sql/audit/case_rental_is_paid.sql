-- Every rental was paid once, its price, and nothing else was paid as a rental.
SELECT coalesce(r.id::text, t.key) AS offender
  FROM rental r FULL JOIN (SELECT * FROM transfer WHERE key LIKE 'rental:%') t
    ON t.key = 'rental:' || r.id
 WHERE r.id IS NULL OR t.key IS NULL
    OR (t.account, t.amount_minor, t.currency) <> (r.account, r.price_minor, r.currency)
