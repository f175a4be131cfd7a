-- What an account has held is the price of what is unsettled or ordered, and what is set aside.
-- Ordered are long rentals of which nobody knows yet; withdrawals set aside.
WITH owed AS (
    SELECT account, price_minor FROM activation
     WHERE id = ANY(ARRAY(SELECT live.id FROM live)) AND NOT settled
    UNION ALL
    SELECT account, price_minor FROM purchase WHERE state = 'asked'
    UNION ALL
    SELECT account, price_minor FROM rental_order WHERE ended_at IS NULL
    UNION ALL
    SELECT account, withheld_minor FROM case_ WHERE withheld_minor > 0
),
sums AS (
    SELECT account, sum(price_minor) AS total FROM owed GROUP BY account
)
SELECT coalesce(b.account, sums.account) AS offender
  FROM (SELECT account, amount_minor FROM balance WHERE bucket = 'held') b
  FULL JOIN sums ON sums.account = b.account
 WHERE coalesce(amount_minor, 0) <> coalesce(total, 0)
