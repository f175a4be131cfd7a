-- Carry each account on that moved in the period: what it had before, and what its entries moved.
WITH moved AS (
    SELECT account,
           sum(CASE 'available:' || account WHEN destination THEN amount_minor
                                            WHEN source THEN -amount_minor ELSE 0 END) AS available,
           sum(CASE 'held:' || account WHEN destination THEN amount_minor
                                       WHEN source THEN -amount_minor ELSE 0 END) AS held,
           max(greatest(at, booked_at)) AS moved_at
      FROM transfer WHERE id > :after AND id <= :transfer_id
     GROUP BY account
),
kept AS (
    INSERT INTO book_opening (account, period, available_minor, held_minor, moved_at)
    SELECT m.account, CAST(:period AS integer), coalesce(o.available_minor, 0) + m.available,
           coalesce(o.held_minor, 0) + m.held, m.moved_at
      FROM moved m
      LEFT JOIN LATERAL (SELECT available_minor, held_minor FROM book_opening b
                          WHERE b.account = m.account ORDER BY period DESC LIMIT 1) o ON true
    RETURNING account
)
SELECT count(*) AS accounts FROM kept
