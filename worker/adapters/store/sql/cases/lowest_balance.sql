-- The lowest that an account had available since one of its entries, that one included.
-- Counted back from the balance, which is locked: an account's entries are numbered in commit order.
-- What the case itself has set aside is still there.
-- Where entries since then were dropped nobody can tell any more: one that was carried is among them,
-- or the entry is older than what a drop leaves whole (a day less, for clocks).
WITH since AS (
    SELECT id, key LIKE 'carried:%' AS carried,
           CASE 'available:' || account WHEN destination THEN amount_minor
                                            WHEN source THEN -amount_minor ELSE 0 END AS moved,
           split_part(key, ':', 2) = CAST(CAST(:case_id AS uuid) AS text) IS TRUE AS own
      FROM transfer WHERE account = :account AND id > CAST(:since AS bigint)
),
later AS (
    SELECT sum(moved) OVER (ORDER BY id DESC) AS moved FROM since WHERE NOT own
),
now AS (
    SELECT b.amount_minor - coalesce((SELECT sum(moved) FROM since WHERE own), 0) AS minor
      FROM balance b WHERE b.account = :account AND b.bucket = 'available'
)
SELECT least(now.minor, now.minor - max(later.moved))::bigint AS minor,
       coalesce((SELECT bool_or(carried) FROM since), false)
         OR EXISTS (SELECT FROM book_period p
                      JOIN transfer t ON t.account = :account AND t.id = CAST(:since AS bigint)
                     WHERE p.dropping_since IS NOT NULL AND p.transfer_id >= t.id
                       AND coalesce(t.booked_at, t.at) < now() - ({{kept_whole}} - interval '1 day'))
         AS dropped
  FROM now LEFT JOIN later ON true
 GROUP BY now.minor
