-- Open accounts with their balances and book their top-ups, in one statement.
--
-- The caller holds those that were there, and found what may be booked. An account that somebody
-- else opened meanwhile is left out with all its top-ups: it is judged again by what it is now.
-- Rows go in by name, so that two calls with the same accounts wait for each other in one order.
-- The references from balances to accounts are checked one by one: planned anew for each, as our
-- other statements are, that would take as long as all the rest.
WITH opened AS (
    INSERT INTO account (account, currency, policy)
    SELECT account, currency, policy
      FROM unnest(CAST(:accounts AS text[]), CAST(:currencies AS text[]), CAST(:policies AS text[]))
           AS asked(account, currency, policy)
     WHERE (SELECT set_config('plan_cache_mode', 'auto', true)) IS NOT NULL
     ORDER BY account
        ON CONFLICT DO NOTHING
    RETURNING account
),
named AS (
    -- One that was opened before accounts belonged to a policy: the caller found which.
    UPDATE account a SET policy = told.policy
      FROM unnest(CAST(:named AS text[]), CAST(:names AS text[])) AS told(account, policy)
     WHERE a.account = told.account AND a.policy IS NULL
),
topup AS (
    SELECT key, account, amount_minor, currency, at, is_new
      FROM unnest(CAST(:keys AS text[]), CAST(:owners AS text[]), CAST(:amounts AS bigint[]),
                  CAST(:topup_currencies AS text[]), CAST(:ats AS timestamptz[]),
                  CAST(:of_new AS boolean[]))
           AS asked(key, account, amount_minor, currency, at, is_new)
     WHERE NOT is_new OR account IN (SELECT account FROM opened)
),
moved AS (
    INSERT INTO transfer (key, account, source, destination, amount_minor, currency, at)
    SELECT key, account, 'house:outside', 'available:' || account, amount_minor, currency,
           coalesce(at, now())
      FROM topup
),
sums AS (
    SELECT account, is_new, sum(amount_minor)::bigint AS amount_minor
      FROM topup GROUP BY account, is_new
),
balances AS (
    INSERT INTO balance (account, bucket, amount_minor)
    SELECT account, bucket, CASE bucket WHEN 'available' THEN coalesce(amount_minor, 0) ELSE 0 END
      FROM opened LEFT JOIN sums USING (account)
           CROSS JOIN (VALUES ('available'), ('held')) AS buckets(bucket)
),
booked AS (
    UPDATE balance b SET version = version + 1, amount_minor = b.amount_minor + sums.amount_minor
      FROM sums WHERE b.account = sums.account AND b.bucket = 'available' AND NOT is_new
)
SELECT account FROM opened
