-- Whether a timer still has to act: not fired, not changed, and its date is over. Locked, so that
-- it fires once.
SELECT true FROM timer
 WHERE kind = :kind AND subject = CAST(:id AS uuid) AND fired_at IS NULL
   AND due_at = CAST(:due_at AS timestamptz) AND due_at < CAST(:now AS timestamptz)
   FOR NO KEY UPDATE
