-- The timers a case has from now on: others that have not fired end, changed ones start again.
-- One that fired for the same date stays fired: what follows from a date follows once.
WITH wanted AS (
    SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:dues AS timestamptz[])) AS t(kind, due_at)
),
ended AS (
    DELETE FROM timer
     WHERE subject = CAST(:id AS uuid) AND fired_at IS NULL
       AND kind NOT IN (SELECT kind FROM wanted)
)
INSERT INTO timer (kind, subject, due_at)
SELECT kind, CAST(:id AS uuid), due_at FROM wanted
ON CONFLICT (kind, subject) DO UPDATE
   SET due_at = excluded.due_at, fired_at = NULL, lease_until = '-infinity'
 WHERE timer.due_at <> excluded.due_at
