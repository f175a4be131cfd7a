-- The intent to buy with its hold, before the provider is asked. The balances are locked and were
-- found high enough. What was settled and forgotten since is not bought again. The hold is the
-- activation's own: the key is the same whichever becomes of it.
WITH new AS (
    INSERT INTO purchase (id, content_hash, account, provider, "order", price_minor, currency)
    SELECT CAST(:id AS uuid), :content_hash, :account, :provider, CAST(:order AS jsonb),
           CAST(:price AS bigint), :currency
     WHERE NOT EXISTS (SELECT FROM settlement WHERE activation_id = CAST(:id AS uuid))
        ON CONFLICT DO NOTHING
    RETURNING id, account, price_minor, currency, "order" ->> 'charge' = 'external' AS outside
),
moved AS (
    INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor, currency)
    SELECT 'hold:' || id, account, id,
           CASE WHEN outside THEN 'house:outside' ELSE 'available:' || account END,
           'held:' || account, price_minor, currency
      FROM new
)
UPDATE balance b
   SET version = version + 1,
       amount_minor = amount_minor + CASE b.bucket WHEN 'held' THEN price_minor ELSE -price_minor END
  FROM new
 WHERE b.account = new.account AND (b.bucket = 'held' OR outside IS NOT TRUE)
