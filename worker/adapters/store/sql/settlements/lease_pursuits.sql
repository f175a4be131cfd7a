-- Lease settled numbers that still owe the provider a cancel or a finish, oldest first.
-- Their `pursue_at` is their lease: when it is over they are due, sooner where the holder is marked
-- dead. One whose ref was sold again is leased too, and only told so: see still_leased.
-- Words we do not know are newer code's: see lease_cancels.
WITH due AS MATERIALIZED (
    SELECT id, attempts AS before FROM activation
     WHERE provider = :provider AND pursue_at IS NOT NULL
       AND pursue_at <= {{now}}
       AND state = ANY(CAST(:states AS text[]))
       AND (reason IS NULL OR reason = ANY(CAST(:reasons AS text[])))
       AND provider_state = ANY(CAST(:provider_states AS text[]))
     ORDER BY pursue_at LIMIT :limit
       FOR NO KEY UPDATE SKIP LOCKED
),
leased AS (
    UPDATE activation a
       SET attempts = attempts + 1, epoch = epoch + 1,
           pursue_at = {{now}} + CAST(:lease AS interval), leased_by = CAST(:holder AS uuid)
      FROM due WHERE a.id = due.id
    RETURNING a.*, due.before
)
SELECT {{due_number with before AS attempts}}, {{sold_again}} AS sold_again
  FROM leased a ORDER BY deadline_at
