-- What stands beside a number: its codes as its customer saw them, in order (a late one has only its
-- hash), its settlement, and what claims gave back of a charge that was kept.
  LEFT JOIN settlement ended ON ended.activation_id = found.id
  LEFT JOIN LATERAL (
      SELECT array_agg(code ORDER BY number) AS codes, array_agg(text ORDER BY number) AS texts,
             array_agg(received_at ORDER BY number) AS instants
        FROM code WHERE activation_id = found.id AND code IS NOT NULL) shown ON true
  LEFT JOIN LATERAL (
      SELECT CAST(sum(amount_minor) AS bigint) AS given_back_minor
        FROM transfer WHERE activation_id = found.id AND source = 'house:revenue') back
         ON ended.outcome IN ('delivered', 'closed')
