-- Forget the texts of SMS to long rentals whose time is over, as those of other numbers:
-- with a code that is the whole text.
WITH old AS MATERIALIZED (
    SELECT m.rental_id, m.content_hash FROM rental_message m
     WHERE m.text IS NOT NULL
       AND m.seen_at < {{now}} - CAST(:time AS interval)
       AND NOT EXISTS (SELECT FROM case_ o
                        WHERE o.rental_id = m.rental_id AND o.closed_at IS NULL)
     ORDER BY m.seen_at LIMIT :limit
       FOR UPDATE OF m SKIP LOCKED
)
UPDATE rental_message m SET text = NULL, code = CASE m.code WHEN m.text THEN '' ELSE m.code END
  FROM old
 WHERE m.rental_id = old.rental_id AND m.content_hash = old.content_hash
