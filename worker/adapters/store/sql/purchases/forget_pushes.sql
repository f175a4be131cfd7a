-- Forget the pushes whose time is over, the oldest first. One that comes once more afterwards is new
-- again: it costs one look, where its ref is alive.
WITH old AS MATERIALIZED (
    SELECT provider, content_hash FROM push
     WHERE received_at < now() - CAST(:time AS interval)
     ORDER BY received_at LIMIT :limit
       FOR UPDATE SKIP LOCKED
)
DELETE FROM push USING old
 WHERE push.provider = old.provider AND push.content_hash = old.content_hash
