-- The lowest that an account had available since one of its entries, that one included, and what of
-- that other open claims about the same order have set aside.
-- Counted back from the balance, which is locked: an account's entries are numbered in commit order.
-- What was only set aside was never spent: by the case itself, by another open claim about its order,
-- and what came back of what any case had set aside. The rest of that counts from where it was set aside.
-- Where entries since then were dropped nobody can tell any more: one that was carried is among them,
-- or the entry is older than what a drop leaves whole (a day less, for clocks).
WITH entry AS (
    SELECT id, key LIKE 'carried:%' AS carried,
           CASE 'available:' || account WHEN destination THEN amount_minor
                                            WHEN source THEN -amount_minor ELSE 0 END AS moved,
           split_part(key, ':', 2) = CAST(CAST(:case_id AS uuid) AS text) IS TRUE AS own,
           CASE WHEN split_part(key, ':', 1) IN ('withhold', 'giveback', 'excess')
                THEN split_part(key, ':', 2) END AS aside_for
      FROM transfer WHERE account = :account AND id > CAST(:since AS bigint)
),
since AS (
    SELECT id, carried,
           CASE WHEN aside_for IS NULL THEN moved
                WHEN row_number() OVER of_case = 1 THEN sum(moved) OVER (PARTITION BY aside_for)
                ELSE 0 END AS moved,
           own OR CASE WHEN aside_for IS NOT NULL
                       THEN EXISTS (SELECT FROM case_ c WHERE c.id = CAST(aside_for AS uuid)
                                       AND c.closed_at IS NULL AND c.state <> 'approved'
                                       AND coalesce(c.activation_id, c.rental_id) = CAST(:order AS uuid))
                       ELSE false END AS still_there
      FROM entry WINDOW of_case AS (PARTITION BY aside_for ORDER BY id)
),
later AS (
    SELECT sum(moved) OVER (ORDER BY id DESC) AS moved FROM since WHERE NOT still_there
),
now AS (
    SELECT b.amount_minor - coalesce((SELECT sum(moved) FROM since WHERE still_there), 0) AS minor
      FROM balance b WHERE b.account = :account AND b.bucket = 'available'
)
SELECT least(now.minor, now.minor - max(later.moved))::bigint AS minor,
       (SELECT coalesce(sum(c.withheld_minor), 0) FROM case_ c
         WHERE (c.activation_id = CAST(:order AS uuid) OR c.rental_id = CAST(:order AS uuid))
           AND c.id IS DISTINCT FROM CAST(:case_id AS uuid)
           AND c.closed_at IS NULL AND c.state <> 'approved')::bigint AS aside_minor,
       coalesce((SELECT bool_or(carried) FROM since), false)
         OR EXISTS (SELECT FROM book_period p
                      JOIN transfer t ON t.account = :account AND t.id = CAST(:since AS bigint)
                     WHERE p.dropping_since IS NOT NULL AND p.transfer_id >= t.id
                       AND coalesce(t.booked_at, t.at) < now() - ({{kept_whole}} - interval '1 day'))
         AS dropped
  FROM now LEFT JOIN later ON true
 GROUP BY now.minor
