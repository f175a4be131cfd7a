-- The oldest order of unknown outcome that a number somebody found may be: its hold pays for it.
SELECT id FROM rental_order
 WHERE account = :account AND provider = :provider AND service = :service AND country = :country
   AND price_minor = CAST(:price AS bigint) AND charge = :charge
   AND kind = 'rent' AND state = 'unknown' AND ended_at IS NULL
 ORDER BY asked_at LIMIT 1
