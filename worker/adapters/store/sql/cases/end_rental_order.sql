-- An order has its end now, once, or is in doubt, once; who finds it so already changes nothing.
-- In doubt it has a date, at which a timer of a trigger rings. A prolongation is of its rental's order.
UPDATE rental_order o
   SET state = :state, failure = CAST(:failure AS text),
       rental_id = coalesce(CAST(:rental AS uuid), rental_id),
       ended_at = CASE WHEN :state IN ('done', 'failed') THEN CAST(:now AS timestamptz) END,
       doubted_at = CASE WHEN :state = 'unknown' THEN CAST(:now AS timestamptz) ELSE doubted_at END,
       decide_by = CASE WHEN :state = 'unknown'
                        THEN CAST(:now AS timestamptz) + CAST(:decided_within AS interval)
                        ELSE decide_by END,
       verdict = CAST(:verdict AS jsonb)
 WHERE id = CAST(:id AS uuid) AND ended_at IS NULL AND state <> :state
RETURNING *, coalesce(o.order_ref, (SELECT r.order_ref FROM rental r WHERE r.id = o.rental_id))
             AS order_ref_told
