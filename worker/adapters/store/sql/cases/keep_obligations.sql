-- What a case owes from now on: the others end, what is owed already stays, with its new date.
-- The case is locked, so nobody else opens the same sort meanwhile.
WITH owed AS (
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:whats AS text[]), CAST(:owed_by AS text[]),
                         CAST(:dates AS timestamptz[])) AS t(id, what, owed_by, by_when)
),
ended AS (
    UPDATE obligation SET ended_at = CAST(:now AS timestamptz), "end" = :end
     WHERE case_id = CAST(:case_id AS uuid) AND ended_at IS NULL
       AND what NOT IN (SELECT what FROM owed)
),
kept AS (
    INSERT INTO obligation (id, case_id, account, what, owed_by, since, by_when)
    SELECT id, CAST(:case_id AS uuid), :account, what, owed_by, CAST(:now AS timestamptz), by_when
      FROM owed
        ON CONFLICT (case_id, what) WHERE ended_at IS NULL
        DO UPDATE SET by_when = excluded.by_when WHERE obligation.by_when <> excluded.by_when
    RETURNING id, what, by_when
)
-- That nobody decided by its date is told then.
INSERT INTO timer (kind, subject, due_at)
SELECT 'review_late', id, by_when FROM kept WHERE what = 'review'
    ON CONFLICT (kind, subject) DO UPDATE
       SET due_at = excluded.due_at, fired_at = NULL, lease_until = '-infinity'
     WHERE timer.due_at <> excluded.due_at
