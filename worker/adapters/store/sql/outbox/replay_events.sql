-- An operator wants these sent again, from the first attempt on.
WITH asked AS (
    SELECT * FROM unnest(
        CAST(:subjects AS text[]), CAST(:types AS text[]), CAST(:numbers AS integer[])
    ) AS t(subject, type, number)
),
again AS (
    UPDATE event e
       SET state = 'pending', attempts = 0, next_at = '-infinity', leased_by = NULL
      FROM asked
     WHERE e.subject = asked.subject AND e.type = asked.type AND e.number = asked.number
       AND {{can_replay}}
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
SELECT count(*) FROM again
