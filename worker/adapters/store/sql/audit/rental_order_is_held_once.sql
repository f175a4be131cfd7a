-- Every order of a long rental has its hold; one that came to nothing got it back, once.
WITH moved AS (
    SELECT split_part(key, ':', 1) AS kind, split_part(key, ':', 2) AS id, account, amount_minor,
           currency
      FROM transfer WHERE key LIKE 'renthold:%' OR key LIKE 'rentback:%'
),
due AS (
    SELECT 'renthold' AS kind, id::text, account, price_minor, currency FROM rental_order
    UNION ALL
    SELECT 'rentback', id::text, account, price_minor, currency FROM rental_order
     WHERE state = 'failed'
)
SELECT coalesce(due.id, moved.id) AS offender
  FROM due FULL JOIN moved ON moved.kind = due.kind AND moved.id = due.id
 WHERE due.id IS NULL OR moved.id IS NULL
    OR (moved.account, moved.amount_minor, moved.currency)
       <> (due.account, due.price_minor, due.currency)
