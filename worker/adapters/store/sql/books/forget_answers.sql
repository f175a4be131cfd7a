-- A day is longer than anybody retries; and an answer may show a phone, which is not to stay.
DELETE FROM answer
 WHERE key IN (SELECT key FROM answer WHERE taken_at < now() - interval '1 day'
                ORDER BY taken_at LIMIT :limit FOR UPDATE SKIP LOCKED)
