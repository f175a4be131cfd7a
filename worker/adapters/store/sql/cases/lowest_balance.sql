-- The lowest that an account had available since one of its entries, that one included.
-- Counted back from the balance, which is locked: an account's entries are numbered in commit order.
WITH since AS (
    SELECT id, CASE 'available:' || account WHEN destination THEN amount_minor
                                            WHEN source THEN -amount_minor ELSE 0 END AS moved
      FROM transfer WHERE account = :account AND id > CAST(:since AS bigint)
),
later AS (
    SELECT sum(moved) OVER (ORDER BY id DESC) AS moved FROM since
)
SELECT least(b.amount_minor, b.amount_minor - max(later.moved))::bigint
  FROM balance b LEFT JOIN later ON true
 WHERE b.account = :account AND b.bucket = 'available'
 GROUP BY b.amount_minor
