-- What became of a case; the caller has locked it, and the version says that it changed.
UPDATE case_
   SET state = :state, facts = CAST(:facts AS jsonb), verdict = CAST(:verdict AS jsonb),
       withheld_minor = withheld_minor + CAST(:withheld AS bigint),
       closed_at = CASE WHEN CAST(:closed AS boolean) THEN CAST(:now AS timestamptz) END,
       version = version + 1
 WHERE id = CAST(:id AS uuid)
