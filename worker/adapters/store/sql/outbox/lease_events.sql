-- Lease the next due event of each thing; `next_at` is the lease, so they come back by themselves.
--
-- Only the oldest pending event of a number, or of what is about none, may go: the next waits until it
-- is sent or dead, also one of a case about that number. The order is by the time they fell due, so
-- what waits for an endpoint that is down costs nothing here.
WITH due AS MATERIALIZED (
    SELECT e.seq, e.attempts AS before FROM event e
     WHERE e.state = 'pending' AND e.next_at <= {{now}}
       AND NOT EXISTS (SELECT FROM gone_endpoint WHERE endpoint = :endpoint)
       AND NOT EXISTS (SELECT FROM event earlier
                        WHERE earlier.state = 'pending' AND earlier.seq < e.seq
                          AND coalesce(CAST(earlier.activation_id AS text), earlier.subject)
                            = coalesce(CAST(e.activation_id AS text), e.subject))
     ORDER BY e.next_at, e.seq LIMIT :limit
       FOR NO KEY UPDATE SKIP LOCKED
),
leased AS (
    UPDATE event e
       SET attempts = attempts + 1,
           next_at = {{now}} + CAST(:lease AS interval), leased_by = CAST(:holder AS uuid)
      FROM due WHERE e.seq = due.seq
    RETURNING e.*, due.before
)
SELECT seq, subject, type, number, at, activation_id, {{event_payload}},
       before AS attempts
  FROM leased ORDER BY seq
