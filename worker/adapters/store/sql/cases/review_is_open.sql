-- The number that it is about, while it still waits for a human, now that nobody else decides it: a
-- case, a number, or an order of a long rental.
SELECT coalesce((SELECT id FROM activation WHERE id = CAST(:id AS uuid)),
                (SELECT activation_id FROM case_ WHERE id = CAST(:id AS uuid))) AS activation_id
 WHERE EXISTS (SELECT FROM review WHERE case_id = CAST(:id AS uuid) AND closed_at IS NULL)
    OR EXISTS (SELECT FROM activation WHERE id = CAST(:id AS uuid) AND state = 'in_review')
    OR EXISTS (SELECT FROM rental_order WHERE id = CAST(:id AS uuid) AND state = 'unknown')
