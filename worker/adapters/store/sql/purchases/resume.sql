-- Rentals are taken there again, whichever process asks. Nothing is logged where nothing was stopped.
WITH gone AS (
    DELETE FROM provider_drain WHERE provider = :provider RETURNING provider
)
INSERT INTO provider_change (provider, what, note, by)
SELECT provider, 'resume', CAST(:note AS text), CAST(:by AS text) FROM gone
RETURNING provider
