-- An account's idle balance rings later; a timer that fired or was changed meanwhile stays.
WITH again AS (
    UPDATE timer SET due_at = CAST(:until AS timestamptz), lease_until = '-infinity'
     WHERE kind = 'balance_idle' AND subject = CAST(:subject AS uuid)
       AND due_at = CAST(:due_at AS timestamptz) AND fired_at IS NULL
    RETURNING subject
)
UPDATE account_idle i SET months = CAST(:months AS integer) FROM again WHERE i.subject = again.subject
