-- The intent with its hold, before the provider is asked, and the timer that finds it forgotten.
-- The balances are locked and were found high enough.
WITH new AS (
    INSERT INTO rental_order (id, kind, content_hash, call, account, provider, service, country,
                              seconds, rental_id, price_minor, currency, charge, policy,
                              policy_version, order_ref, order_facts, asked_at, read_end,
                              read_renewal)
    VALUES (CAST(:id AS uuid), :kind, :content_hash, :call, :account, :provider, :service, :country,
            CAST(:seconds AS bigint), CAST(:rental AS uuid), CAST(:price AS bigint), :currency,
            :charge, :policy, :policy_version, CAST(:order_ref AS text),
            CAST(:order_facts AS jsonb), CAST(:now AS timestamptz),
            (SELECT ends_at FROM rental WHERE id = CAST(:rental AS uuid)),
            (SELECT renewed_at FROM rental WHERE id = CAST(:rental AS uuid)))
    RETURNING id, asked_at
)
INSERT INTO timer (kind, subject, due_at)
SELECT 'rental_order', id, asked_at + CAST(:forgotten_after AS interval) FROM new
