-- When the newest canary that went all the way was settled.
-- Newest first and no further than `:sample` rows: one or two on a good day, bounded on a bad one.
-- The settlement is looked up and not joined, or the planner may read all there are.
SELECT (SELECT at FROM settlement WHERE activation_id = newest.id) AS at
  FROM (SELECT id, state, rented_at FROM activation
         WHERE account = :account ORDER BY rented_at DESC, id DESC LIMIT :sample) newest
 WHERE state = 'delivered' ORDER BY rented_at DESC LIMIT 1
