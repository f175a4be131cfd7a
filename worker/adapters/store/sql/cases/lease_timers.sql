-- Lease due timers of these kinds, oldest first. A date is in time up to its last instant: due is what is before now.
-- The lease only saves work: who fires one locks it and looks again.
-- Those that were leased before come last, whoever waits longest first, and have a tenth of the
-- places: they must not hold up the others, nor those of a locked account each other.
WITH fresh AS MATERIALIZED (
    SELECT kind, subject FROM timer
     WHERE fired_at IS NULL AND kind = ANY(CAST(:kinds AS text[]))
       AND due_at < {{now}}
       AND lease_until = '-infinity'
     ORDER BY due_at LIMIT :limit
       FOR NO KEY UPDATE SKIP LOCKED
),
tried AS MATERIALIZED (
    SELECT kind, subject FROM timer
     WHERE fired_at IS NULL AND kind = ANY(CAST(:kinds AS text[]))
       AND due_at < {{now}}
       AND lease_until > '-infinity' AND lease_until < {{now}}
     ORDER BY lease_until LIMIT greatest(:limit / 10, :limit - (SELECT count(*) FROM fresh))
       FOR NO KEY UPDATE SKIP LOCKED
),
due AS (
    SELECT *, false AS tried FROM fresh UNION ALL SELECT *, true FROM tried
),
leased AS (
    UPDATE timer t
       SET lease_until = {{now}} + interval '30 seconds', leased_by = CAST(:holder AS uuid)
      FROM due WHERE t.kind = due.kind AND t.subject = due.subject
    RETURNING t.kind, t.subject, t.due_at, due.tried
)
SELECT kind, subject, due_at FROM leased ORDER BY tried, due_at, kind
