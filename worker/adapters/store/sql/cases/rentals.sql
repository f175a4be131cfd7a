-- Rentals, newest first, page by page: of one account, those that run, those that are over, or those
-- that somebody knows something of. Phones are turned round, as in their index.
SELECT * FROM rental
 WHERE (CAST(:account AS text) IS NULL OR account = CAST(:account AS text))
   AND (CAST(:ended AS boolean) IS NULL OR (ended_at IS NOT NULL) = CAST(:ended AS boolean))
   AND (CAST(:ref AS text) IS NULL OR provider_ref = CAST(:ref AS text))
   AND (CAST(:order_ref AS text) IS NULL OR order_ref = CAST(:order_ref AS text))
   AND (CAST(:phones AS text[]) IS NULL OR reverse(phone) = ANY(CAST(:phones AS text[])))
   AND (CAST(:phone_tail AS text) IS NULL OR reverse(phone) LIKE CAST(:phone_tail AS text))
   AND (CAST(:at AS timestamptz) IS NULL
        OR (rented_at, id) < (CAST(:at AS timestamptz), CAST(:id AS uuid)))
 ORDER BY rented_at DESC, id DESC LIMIT :limit
