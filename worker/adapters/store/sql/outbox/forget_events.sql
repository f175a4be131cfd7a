-- Forget the oldest events, up to the first one that is too young, not sent yet or locked: then nothing
-- is missing between two that stay. How far that is, is kept: followers and the audit ask for it.
-- The mark is where the next batch begins, so what was deleted is not read again. Where no endpoint is
-- wanted any more, nothing waits for it.
WITH mark AS MATERIALIZED (
    SELECT upto FROM retention_mark WHERE what = 'event' FOR UPDATE SKIP LOCKED
),
page AS MATERIALIZED (
    SELECT e.seq, e.at, e.state FROM mark, LATERAL (
        SELECT seq, at, state FROM event WHERE seq > mark.upto ORDER BY seq LIMIT :limit) e
),
due AS MATERIALIZED (
    SELECT seq, at FROM page
     WHERE seq < coalesce((SELECT min(seq) FROM page
                            WHERE state = 'pending' AND CAST(:wanted AS boolean)
                               OR at >= {{now}} - CAST(:time AS interval)), 9223372036854775807)
),
free AS MATERIALIZED (
    SELECT seq FROM event WHERE seq IN (SELECT seq FROM due) FOR UPDATE SKIP LOCKED
),
old AS MATERIALIZED (
    SELECT seq, at FROM due
     WHERE seq < coalesce((SELECT min(seq) FROM due WHERE seq NOT IN (SELECT seq FROM free)),
                          9223372036854775807)
),
gone AS (
    DELETE FROM event WHERE seq IN (SELECT seq FROM old)
)
UPDATE retention_mark
   SET upto = (SELECT max(seq) FROM old), before = greatest(before, (SELECT max(at) FROM old))
 WHERE what = 'event' AND EXISTS (SELECT FROM old)
RETURNING (SELECT count(*) FROM old) AS forgotten
