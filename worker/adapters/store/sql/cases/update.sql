-- What became of a case; the caller has locked it, and the version says that it changed.
UPDATE case_
   SET state = :state, facts = CAST(:facts AS jsonb), verdict = CAST(:verdict AS jsonb),
       withheld_minor = withheld_minor + CAST(:withheld AS bigint),
       -- What is taken back of a closed case leaves the instant at which it was closed.
       closed_at = CASE WHEN CAST(:closed AS boolean)
                        THEN coalesce(closed_at, CAST(:now AS timestamptz)) END,
       version = version + 1
 WHERE id = CAST(:id AS uuid)
