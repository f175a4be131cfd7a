-- Rentals, newest first, page by page. wanted() stands for the conditions of `rentals.listed_sql`.
SELECT * FROM rental
 WHERE wanted()
 ORDER BY rented_at DESC, id DESC LIMIT :limit
