-- Open an account with its two empty balances; one that is there stays as it is.
-- One that was opened before accounts belonged to a policy belongs to the first that is named.
WITH new AS (
    INSERT INTO account (account, currency, policy)
    VALUES (:account, :currency, coalesce(CAST(:policy AS text), CAST(:default AS text)))
        ON CONFLICT DO NOTHING
    RETURNING account
),
told AS (
    UPDATE account SET policy = CAST(:policy AS text)
     WHERE account = :account AND currency = :currency AND policy IS NULL
       AND CAST(:policy AS text) IS NOT NULL
)
INSERT INTO balance (account, bucket)
SELECT account, bucket FROM new, (VALUES ('available'), ('held')) AS buckets(bucket)
ON CONFLICT DO NOTHING
