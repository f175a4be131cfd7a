-- A page of numbers, newest first, whole in one round trip: each with its codes, its settlement, and
-- what claims gave back of a charge that was kept. The page is read first, so that the rest is looked
-- up for its rows alone; `rows.newest` puts it in the place of found().
SELECT found.*, ended.outcome, ended.amount_minor, ended.reason AS ended_reason, ended.at AS ended_at,
       shown.codes, shown.texts, shown.instants, back.given_back_minor
  FROM found() found
  LEFT JOIN settlement ended ON ended.activation_id = found.id
  LEFT JOIN LATERAL (
      SELECT array_agg(code ORDER BY number) AS codes, array_agg(text ORDER BY number) AS texts,
             array_agg(received_at ORDER BY number) AS instants
        FROM code WHERE activation_id = found.id AND code IS NOT NULL) shown ON true
  LEFT JOIN LATERAL (
      SELECT CAST(sum(amount_minor) AS bigint) AS given_back_minor
        FROM transfer WHERE activation_id = found.id AND source = 'house:revenue') back
         ON ended.outcome IN ('delivered', 'closed')
 ORDER BY found.rented_at DESC, found.id DESC
