-- Open an account with its two empty balances; one that is there stays as it is.
-- One that was opened before accounts belonged to a policy belongs to that of its oldest order, else
-- to the default: never to what a caller names, who would choose by what he wants to be paid.
WITH new AS (
    INSERT INTO account (account, currency, policy)
    VALUES (:account, :currency, coalesce(CAST(:policy AS text), CAST(:default AS text)))
        ON CONFLICT DO NOTHING
    RETURNING account
),
told AS (
    UPDATE account a SET policy = coalesce({{oldest_policy}}, CAST(:default AS text))
     WHERE account = :account AND currency = :currency AND policy IS NULL
)
INSERT INTO balance (account, bucket)
SELECT account, bucket FROM new, (VALUES ('available'), ('held')) AS buckets(bucket)
ON CONFLICT DO NOTHING
