-- An order that waits for its end has it now, once; who finds it ended changes nothing.
UPDATE rental_order
   SET state = :state, failure = CAST(:failure AS text),
       rental_id = coalesce(CAST(:rental AS uuid), rental_id),
       ended_at = CASE WHEN :state IN ('done', 'failed') THEN CAST(:now AS timestamptz) END
 WHERE id = CAST(:id AS uuid) AND ended_at IS NULL AND state <> :state
RETURNING *
