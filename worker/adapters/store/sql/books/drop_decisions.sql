-- Delete what silence decided about numbers that were named as dropped, as far as it was exported;
-- cases keep their decisions.
DELETE FROM decision
 WHERE subject = ANY(CAST(:ids AS uuid[])) AND seq <= CAST(:decision_seq AS bigint)
