-- Give accounts the date of their idle balance; who is passed by another process gives it again.
-- The date of an account that has one comes nearer where its policy's time is shorter now.
WITH told AS (
    SELECT * FROM unnest(CAST(:subjects AS uuid[]), CAST(:accounts AS text[]),
                         CAST(:dues AS timestamptz[]), CAST(:months AS integer[]))
           AS t(subject, account, due_at, months)
),
kept AS (
    INSERT INTO account_idle (subject, account, since, months)
    SELECT subject, account, CAST(:since AS timestamptz), months FROM told
        ON CONFLICT (subject) DO UPDATE SET months = excluded.months
     WHERE account_idle.months > excluded.months
)
INSERT INTO timer (kind, subject, due_at) SELECT 'balance_idle', subject, due_at FROM told
    ON CONFLICT (kind, subject)
    DO UPDATE SET due_at = excluded.due_at, fired_at = NULL, lease_until = '-infinity'
     WHERE timer.fired_at IS NOT NULL OR timer.due_at > excluded.due_at
