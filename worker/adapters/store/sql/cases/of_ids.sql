-- The cases with these ids, for a page that shows many.
{{case_rows}} WHERE c.id = ANY(CAST(:ids AS uuid[]))
