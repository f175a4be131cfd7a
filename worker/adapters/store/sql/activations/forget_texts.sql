-- Forget the texts of SMS whose time is over. Three days: longer than customers come back to read
-- one. The code stays, and the hash, by which the same SMS is known again.
WITH old AS MATERIALIZED (
    SELECT activation_id, hash FROM code
     WHERE text IS NOT NULL
       AND received_at < {{now}} - interval '3 days'
     ORDER BY received_at LIMIT :limit
       FOR UPDATE SKIP LOCKED
)
UPDATE code SET text = NULL FROM old
 WHERE code.activation_id = old.activation_id AND code.hash = old.hash
