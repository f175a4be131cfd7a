-- Open an account with its two empty balances; one that is there stays as it is.
WITH new AS (
    INSERT INTO account (account, currency) VALUES (:account, :currency)
        ON CONFLICT DO NOTHING
    RETURNING account
)
INSERT INTO balance (account, bucket)
SELECT account, bucket FROM new, (VALUES ('available'), ('held')) AS buckets(bucket)
ON CONFLICT DO NOTHING
