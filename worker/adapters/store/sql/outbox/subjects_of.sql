-- What events of one activation are about: itself, and its cases.
SELECT CAST(:activation AS uuid)::text
UNION ALL
SELECT id::text FROM case_ WHERE activation_id = CAST(:activation AS uuid)
