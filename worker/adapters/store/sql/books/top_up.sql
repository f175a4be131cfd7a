-- Book money that came from outside, once per reference, on the day on which it was paid.
--
-- The caller holds the account's balances. A key that is booked already adds nothing, so the
-- balance changes with the transfer or not at all.
WITH moved AS (
    INSERT INTO transfer (key, account, source, destination, amount_minor, currency, at)
    SELECT :key, account, 'house:outside', 'available:' || account, CAST(:amount_minor AS bigint),
           currency, coalesce(CAST(:at AS timestamptz), now())
      FROM account WHERE account = :account
        ON CONFLICT (key) DO NOTHING
    RETURNING account, amount_minor
),
booked AS (
    UPDATE balance b
       SET version = version + 1, amount_minor = b.amount_minor + moved.amount_minor
      FROM moved WHERE b.account = moved.account AND b.bucket = 'available'
)
SELECT count(*) FROM moved
