-- Delete the logs of numbers that were named as dropped.
DELETE FROM transition WHERE activation_id = ANY(CAST(:ids AS uuid[]))
