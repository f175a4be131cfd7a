-- Which of these leases still hold, asked before anything is sent on an older one.
-- A lease is over when the number was settled or leased anew, and when its ref was sold again: what
-- is sent about a ref reaches its newest rental.
SELECT a.id
  FROM unnest(CAST(:ids AS uuid[]), CAST(:epochs AS integer[])) AS asked(id, epoch)
  JOIN activation a ON a.id = asked.id AND a.epoch = asked.epoch
 WHERE NOT {{sold_again}}
