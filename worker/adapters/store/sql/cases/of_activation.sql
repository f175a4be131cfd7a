-- The cases about one number, in the order in which they were opened.
{{case_rows}} WHERE c.activation_id = CAST(:id AS uuid) ORDER BY c.opened_at
