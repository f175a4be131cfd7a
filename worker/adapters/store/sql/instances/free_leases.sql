-- All that a dead process had leased is due.
--
-- The epochs fence it: the results of a frozen process that wakes change nothing. What another
-- transaction has locked is passed over. That may be the dead one's own, whose end its server has
-- not seen yet: so this runs again for some seconds.
WITH ending AS MATERIALIZED (
    SELECT a.id FROM activation a
     WHERE a.id = ANY(ARRAY(SELECT live.id FROM live WHERE ends_at <= {{now}}))
       AND NOT a.settled AND a.ending_at <= {{now}} AND a.lease_until > {{now}}
       AND a.leased_by = CAST(:id AS uuid)
       FOR NO KEY UPDATE SKIP LOCKED
),
pursued AS MATERIALIZED (
    SELECT a.id FROM activation a
     WHERE a.pursue_at IS NOT NULL AND a.pursue_at > {{now}}
       AND a.leased_by = CAST(:id AS uuid)
       FOR NO KEY UPDATE SKIP LOCKED
),
freed AS (
    UPDATE activation a
       SET lease_until = '-infinity', epoch = epoch + 1, leased_by = NULL,
           pursue_at = CASE WHEN a.pursue_at IS NOT NULL THEN least(a.pursue_at, {{now}}) END
      FROM (SELECT id FROM ending UNION SELECT id FROM pursued) f WHERE a.id = f.id
),
events AS MATERIALIZED (
    SELECT e.seq FROM event e
     WHERE e.state = 'pending' AND e.next_at > {{now}}
       AND e.leased_by = CAST(:id AS uuid)
       FOR NO KEY UPDATE SKIP LOCKED
),
sent_again AS (
    UPDATE event e SET next_at = {{now}}, leased_by = NULL
      FROM events WHERE e.seq = events.seq
),
timers AS MATERIALIZED (
    SELECT t.kind, t.subject FROM timer t
     WHERE t.fired_at IS NULL AND t.due_at < {{now}} AND t.lease_until >= {{now}}
       AND t.leased_by = CAST(:id AS uuid)
       FOR NO KEY UPDATE SKIP LOCKED
),
fired_again AS (
    UPDATE timer t SET lease_until = '-infinity', leased_by = NULL
      FROM timers WHERE t.kind = timers.kind AND t.subject = timers.subject
)
SELECT (SELECT count(*) FROM ending) + (SELECT count(*) FROM pursued)
     + (SELECT count(*) FROM events) + (SELECT count(*) FROM timers)
