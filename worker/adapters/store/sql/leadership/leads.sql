-- Whether this process leads a topic: its row says so, and the process lives. Else it takes the row,
-- where the leader is dead, or there is none, or this one reaches what the leader does not. The epoch
-- counts the leaders.
--
-- Reading is enough nearly always: a write would lock the row each second in every process.
WITH leader AS (
    SELECT l.instance FROM leadership l JOIN instance i ON i.id = l.instance
     WHERE l.topic = :topic AND i.dead_at IS NULL
       AND CASE WHEN i.id = CAST(:id AS uuid) THEN l.reaches = CAST(:reaches AS boolean)
                ELSE (l.reaches OR NOT CAST(:reaches AS boolean)) AND NOT {{instance_is_dead}} END
),
taken AS (
    INSERT INTO leadership AS l (topic, instance, since, reaches)
    SELECT :topic, me.id, {{now}}, CAST(:reaches AS boolean) FROM instance me
     WHERE me.id = CAST(:id AS uuid) AND me.dead_at IS NULL AND NOT EXISTS (SELECT FROM leader)
        ON CONFLICT (topic) DO UPDATE
       SET instance = excluded.instance, reaches = excluded.reaches,
           epoch = l.epoch + CASE l.instance WHEN excluded.instance THEN 0 ELSE 1 END,
           since = CASE l.instance WHEN excluded.instance THEN l.since ELSE excluded.since END
     WHERE l.epoch = (SELECT epoch FROM leadership WHERE topic = :topic)
    RETURNING instance
)
SELECT coalesce((SELECT instance FROM leader), (SELECT instance FROM taken)) = CAST(:id AS uuid)
