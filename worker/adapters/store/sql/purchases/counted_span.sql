-- From when on numbers are counted for a provider's balance, where a new span begins: two days, or
-- as far back as a number is still pursued or disputed, a month at most.
SELECT greatest(now() - interval '30 days',
                least(now() - interval '2 days',
                      (SELECT min(rented_at) FROM activation
                        WHERE provider = :provider AND pursue_at IS NOT NULL),
                      (SELECT min(a.rented_at)
                         FROM provider_dispute d JOIN activation a ON a.id = d.activation_id
                        WHERE d.provider = :provider AND d.ended_at IS NULL))) AS since
