-- Keep a rental with the timer of its end; it is paid in the same transaction.
WITH booked AS (
    INSERT INTO rental (id, provider, provider_ref, account, phone, service, country, price_minor,
                        currency, charge, policy, policy_version, rented_at, ends_at, booked_at,
                        order_ref, order_facts)
    VALUES (CAST(:id AS uuid), :provider, :ref, :account, :phone, :service, :country,
            CAST(:price AS bigint), :currency, :charge, :policy, :policy_version,
            CAST(:rented_at AS timestamptz), CAST(:ends_at AS timestamptz),
            CAST(:now AS timestamptz), CAST(:order_ref AS text), CAST(:order_facts AS jsonb))
    RETURNING id, ends_at
)
INSERT INTO timer (kind, subject, due_at) SELECT 'rental_end', id, ends_at FROM booked
