-- Set claim windows, and remember how far; who is passed by another process sets them again.
WITH seeded AS (
    INSERT INTO timer (kind, subject, due_at)
    SELECT 'claim_window', * FROM unnest(CAST(:ids AS uuid[]), CAST(:dues AS timestamptz[]))
        ON CONFLICT DO NOTHING
)
UPDATE timer_seeded SET upto = CAST(:upto AS timestamptz) WHERE upto < CAST(:upto AS timestamptz)
