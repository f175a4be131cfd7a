-- An account whose policy names no time any more, or that is deleted, has no date.
WITH ended AS (DELETE FROM account_idle WHERE subject = CAST(:subject AS uuid))
UPDATE timer SET fired_at = now()
 WHERE kind = 'balance_idle' AND subject = CAST(:subject AS uuid) AND fired_at IS NULL
