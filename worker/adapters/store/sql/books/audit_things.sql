-- What these cases are about: numbers and rentals.
SELECT ARRAY(
    SELECT DISTINCT coalesce(activation_id, rental_id) FROM case_
     WHERE id = ANY(CAST(:cases AS uuid[])) AND coalesce(activation_id, rental_id) IS NOT NULL
)
