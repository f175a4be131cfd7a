-- Delete what silence decided about numbers that were named as dropped; cases keep their decisions.
DELETE FROM decision WHERE subject = ANY(CAST(:ids AS uuid[]))
