-- One case as everybody may read it; nobody is kept from changing it.
{{case_rows}} WHERE c.id = CAST(:id AS uuid)
