-- The codes of numbers as their customers saw them, in order; a late one has only its hash.
SELECT activation_id, code, text, received_at FROM code
 WHERE activation_id = ANY(CAST(:ids AS uuid[])) AND code IS NOT NULL
 ORDER BY activation_id, number
