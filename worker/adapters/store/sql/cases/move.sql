-- Move the money of one decision, once: the key is the kind and the case.
-- The caller holds the account's balances; the key kills the whole transaction of a second mover.
WITH moved AS (
    INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor, currency,
                          at, booked_at)
    VALUES (:key, :account, CAST(:activation AS uuid), :source, :destination,
            CAST(:amount AS bigint), :currency, CAST(:now AS timestamptz),
            CAST(:now AS timestamptz))
    RETURNING account, source, destination, amount_minor
)
UPDATE balance b
   SET version = version + 1,
       amount_minor = b.amount_minor
         + CASE WHEN moved.destination = b.bucket || ':' || b.account THEN moved.amount_minor
                ELSE -moved.amount_minor END
  FROM moved
 WHERE b.account = moved.account
   AND b.bucket || ':' || b.account IN (moved.source, moved.destination)
