-- Delete the logs of numbers that were named as dropped, as far as they were exported.
DELETE FROM transition
 WHERE activation_id = ANY(CAST(:ids AS uuid[])) AND seq <= CAST(:transition_seq AS bigint)
