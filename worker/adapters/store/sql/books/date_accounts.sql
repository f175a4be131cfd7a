-- Give accounts the date of their idle balance; who is passed by another process gives it again.
WITH told AS (
    SELECT * FROM unnest(CAST(:subjects AS uuid[]), CAST(:accounts AS text[]),
                         CAST(:dues AS timestamptz[])) AS t(subject, account, due_at)
),
kept AS (
    INSERT INTO account_idle (subject, account) SELECT subject, account FROM told
        ON CONFLICT DO NOTHING
)
INSERT INTO timer (kind, subject, due_at) SELECT 'balance_idle', subject, due_at FROM told
    ON CONFLICT (kind, subject)
    DO UPDATE SET due_at = excluded.due_at, fired_at = NULL, lease_until = '-infinity'
     WHERE timer.fired_at IS NOT NULL
