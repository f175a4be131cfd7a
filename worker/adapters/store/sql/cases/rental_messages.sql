-- The messages of a rental, oldest first.
SELECT code, text, received_at, seen_at FROM rental_message
 WHERE rental_id = CAST(:rental AS uuid)
 ORDER BY coalesce(received_at, seen_at), seen_at, content_hash
