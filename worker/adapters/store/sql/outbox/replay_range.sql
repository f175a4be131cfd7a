-- An operator wants a stretch of the feed sent again, from the first attempt on, piece by piece.
WITH asked AS MATERIALIZED (
    SELECT seq FROM event
     WHERE seq > :after AND seq <= :until AND (CAST(:type AS text) IS NULL OR type = :type)
     ORDER BY seq LIMIT :limit
),
again AS (
    UPDATE event e
       SET state = 'pending', attempts = 0, next_at = '-infinity', leased_by = NULL
      FROM asked
     WHERE e.seq = asked.seq AND {{can_replay}}
    RETURNING coalesce(CAST(e.activation_id AS text), e.subject) AS thing, e.seq
),
-- What waits behind one that had failed was put off with it.
later AS (
    UPDATE event e SET next_at = '-infinity'
      FROM (SELECT thing, min(seq) AS seq FROM again GROUP BY thing) first
     WHERE coalesce(CAST(e.activation_id AS text), e.subject) = first.thing AND e.seq > first.seq
       AND e.state = 'pending' AND e.leased_by IS NULL
       AND e.seq NOT IN (SELECT seq FROM again)
)
SELECT (SELECT count(*) FROM again) AS replayed,
       (SELECT max(seq) FROM asked HAVING count(*) = :limit) AS reached
