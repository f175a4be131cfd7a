-- One case whose change is decided now: nobody else changes it meanwhile.
{{case_rows}} WHERE c.id = CAST(:id AS uuid) FOR NO KEY UPDATE OF c
