-- Keep the answer of a call under its key; the first answer stays, and comes back.
INSERT INTO answer AS kept (key, content_hash, answer)
VALUES (:key, :content_hash, CAST(:answer AS jsonb))
    ON CONFLICT (key) DO UPDATE SET answer = coalesce(kept.answer, excluded.answer)
 WHERE kept.content_hash = excluded.content_hash
RETURNING answer
