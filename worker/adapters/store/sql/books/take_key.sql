-- Take an Idempotency-Key, or read what was answered under it.
-- One statement: between two of them the other call may let the key go. What is too old to be an
-- answer, and still there, is taken like a free one.
INSERT INTO answer AS kept (key, content_hash) VALUES (:key, :content_hash)
    ON CONFLICT (key) DO UPDATE
   SET content_hash = CASE WHEN kept.taken_at < now() - interval '1 day'
                           THEN excluded.content_hash ELSE kept.content_hash END,
       answer = CASE WHEN kept.taken_at < now() - interval '1 day' THEN NULL ELSE kept.answer END,
       case_id = CASE WHEN kept.taken_at < now() - interval '1 day' THEN NULL ELSE kept.case_id END,
       taken_at = CASE WHEN kept.taken_at < now() - interval '1 day' THEN now()
                       ELSE kept.taken_at END
RETURNING content_hash, answer, case_id
