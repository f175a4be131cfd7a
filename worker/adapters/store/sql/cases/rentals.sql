-- Rentals, newest first, page by page: of one account, or those that run, or those that are over.
SELECT * FROM rental
 WHERE (CAST(:account AS text) IS NULL OR account = CAST(:account AS text))
   AND (CAST(:ended AS boolean) IS NULL OR (ended_at IS NOT NULL) = CAST(:ended AS boolean))
   AND (CAST(:at AS timestamptz) IS NULL
        OR (rented_at, id) < (CAST(:at AS timestamptz), CAST(:id AS uuid)))
 ORDER BY rented_at DESC, id DESC LIMIT :limit
