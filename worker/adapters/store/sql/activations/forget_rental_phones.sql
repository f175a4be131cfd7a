-- Forget the phones of long rentals that ended long ago, and about which nothing is open.
WITH old AS MATERIALIZED (
    SELECT r.id FROM rental r
     WHERE r.phone <> ''
       AND r.ended_at < {{now}} - CAST(:time AS interval)
       AND NOT EXISTS (SELECT FROM case_ o WHERE o.rental_id = r.id AND o.closed_at IS NULL)
       AND NOT EXISTS (SELECT FROM timer t WHERE t.subject = r.id AND t.fired_at IS NULL)
     ORDER BY r.ended_at LIMIT :limit
       FOR NO KEY UPDATE OF r SKIP LOCKED
)
UPDATE rental r SET phone = '' FROM old WHERE r.id = old.id
