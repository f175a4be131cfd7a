-- Certainly nothing was bought: the hold goes back, once. The balances are locked.
WITH failed AS (
    UPDATE purchase SET state = 'failed', failure = :failure
     WHERE id = CAST(:id AS uuid) AND state = 'asked'
    RETURNING id, account, price_minor, currency
),
moved AS (
    INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor, currency)
    SELECT 'release:' || id, account, id, 'held:' || account, 'available:' || account, price_minor,
           currency
      FROM failed
)
UPDATE balance b
   SET version = version + 1,
       amount_minor = amount_minor + CASE b.bucket WHEN 'held' THEN -price_minor ELSE price_minor END
  FROM failed WHERE b.account = failed.account
