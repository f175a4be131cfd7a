-- What claims gave back of numbers whose charge was kept, by number.
SELECT activation_id, sum(amount_minor)::bigint AS amount_minor
  FROM transfer
 WHERE activation_id = ANY(CAST(:ids AS uuid[])) AND source = 'house:revenue'
 GROUP BY activation_id
