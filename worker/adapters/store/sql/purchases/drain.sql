-- Give a provider no new rentals, whichever process asks; one that is drained stays so since then.
INSERT INTO provider_drain (provider) VALUES (:provider)
    -- An update that changes nothing, so that the row that was there comes back too.
    ON CONFLICT (provider) DO UPDATE SET provider = excluded.provider
RETURNING drained_at
