-- A rental that was given back ends now, with the timer that closes it at its provider.
-- One that has ended is closed there already, or was told to be; one that was prolonged after that
-- has the timer of its first end, which rings once more.
WITH ended AS (
    UPDATE rental SET ended_at = CAST(:now AS timestamptz)
     WHERE id = CAST(:id AS uuid) AND ended_at IS NULL
    RETURNING id
)
INSERT INTO timer (kind, subject, due_at)
SELECT 'rental_close', id, CAST(:now AS timestamptz) FROM ended
    ON CONFLICT (kind, subject)
    DO UPDATE SET due_at = excluded.due_at, fired_at = NULL, lease_until = '-infinity'
