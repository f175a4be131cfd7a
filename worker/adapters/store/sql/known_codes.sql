-- The hashes of the codes already kept; read after the rows are locked, so nobody adds one between.
SELECT activation_id, hash FROM code WHERE activation_id = ANY(CAST(:ids AS uuid[]))
