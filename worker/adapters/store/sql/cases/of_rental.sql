-- The cases about one rental, in the order in which they were opened.
{{case_rows}} WHERE c.rental_id = CAST(:id AS uuid) ORDER BY c.opened_at
