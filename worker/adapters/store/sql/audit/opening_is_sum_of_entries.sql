-- What an account had when a period was closed is still the sum of its entries up to there.
-- So nothing that was dropped since took or gave a single unit.
WITH newest AS (
    SELECT DISTINCT ON (o.account) o.account, o.available_minor, o.held_minor, p.transfer_id
      FROM book_opening o JOIN book_period p ON p.id = o.period
     ORDER BY o.account, o.period DESC
)
SELECT n.account AS offender
  FROM newest n
  LEFT JOIN LATERAL (
    SELECT sum(CASE 'available:' || t.account WHEN t.destination THEN t.amount_minor
                                              WHEN t.source THEN -t.amount_minor ELSE 0 END)
             AS available,
           sum(CASE 'held:' || t.account WHEN t.destination THEN t.amount_minor
                                         WHEN t.source THEN -t.amount_minor ELSE 0 END) AS held
      FROM transfer t WHERE t.account = n.account AND t.id <= n.transfer_id) entries ON true
 WHERE (n.available_minor, n.held_minor)
       <> (coalesce(entries.available, 0), coalesce(entries.held, 0))
