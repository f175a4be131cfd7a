-- From when on numbers are counted for a provider's balance, where a new span begins: two days, or
-- as far back as a number is still pursued, a month at most.
SELECT greatest(now() - interval '30 days',
                least(now() - interval '2 days',
                      (SELECT min(rented_at) FROM activation
                        WHERE provider = :provider AND pursue_at IS NOT NULL))) AS since
