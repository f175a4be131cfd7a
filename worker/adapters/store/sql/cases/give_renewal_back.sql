-- A renewal was given back: the rental ends when it would have ended without it, or now.
-- One that is over ended when it did: a later end would make it one that was given back early.
-- Its price stands as it was paid; what came back for it is the case's own transfer.
WITH newest AS (
    SELECT seconds FROM rental_order
     WHERE rental_id = CAST(:id AS uuid) AND kind = 'prolong' AND state = 'done'
     ORDER BY ended_at DESC, id LIMIT 1
),
shortened AS (
    UPDATE rental SET ends_at = least(ends_at,
                                      greatest(ends_at - make_interval(secs => newest.seconds),
                                               CAST(:now AS timestamptz)))
      FROM newest WHERE id = CAST(:id AS uuid)
    RETURNING id, ends_at
)
INSERT INTO timer (kind, subject, due_at) SELECT 'rental_end', id, ends_at FROM shortened
    ON CONFLICT (kind, subject)
    DO UPDATE SET due_at = excluded.due_at, fired_at = NULL, lease_until = '-infinity'
