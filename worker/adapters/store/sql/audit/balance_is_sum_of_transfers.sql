-- Every balance is the sum of its transfers.
WITH sides AS (
    SELECT destination AS place, amount_minor FROM transfer
    UNION ALL
    SELECT source, -amount_minor FROM transfer
),
sums AS (
    SELECT place, sum(amount_minor) AS total FROM sides WHERE place NOT LIKE 'house:%' GROUP BY place
)
SELECT coalesce(place, bucket || ':' || account) AS offender
  FROM sums FULL JOIN balance ON place = bucket || ':' || account
 WHERE coalesce(total, 0) <> coalesce(amount_minor, 0)
