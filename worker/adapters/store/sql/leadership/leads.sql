-- Whether this process leads a topic: its row says so, and the process lives. Else it takes the row,
-- where the leader is dead or there is none; the epoch counts the leaders.
--
-- Reading is enough nearly always: a write would lock the row each second in every process.
WITH leader AS (
    SELECT l.instance FROM leadership l JOIN instance i ON i.id = l.instance
     WHERE l.topic = :topic AND i.dead_at IS NULL
       AND (i.id = CAST(:id AS uuid) OR NOT {{instance_is_dead}})
),
taken AS (
    INSERT INTO leadership AS l (topic, instance, since)
    SELECT :topic, me.id, {{now}} FROM instance me
     WHERE me.id = CAST(:id AS uuid) AND me.dead_at IS NULL AND NOT EXISTS (SELECT FROM leader)
        ON CONFLICT (topic) DO UPDATE
       SET instance = excluded.instance, epoch = l.epoch + 1, since = excluded.since
     WHERE l.epoch = (SELECT epoch FROM leadership WHERE topic = :topic)
    RETURNING instance
)
SELECT coalesce((SELECT instance FROM leader), (SELECT instance FROM taken)) = CAST(:id AS uuid)
