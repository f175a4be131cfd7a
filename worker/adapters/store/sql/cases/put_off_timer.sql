-- A timer that could not act yet is due later; one that fired or was changed meanwhile stays.
UPDATE timer SET due_at = CAST(:until AS timestamptz), lease_until = '-infinity'
 WHERE kind = :kind AND subject = CAST(:id AS uuid) AND fired_at IS NULL
   AND due_at = CAST(:due_at AS timestamptz)
