-- The inbox of what providers push: unique by content, so a repeated push is no news.
WITH new AS (
    INSERT INTO push (provider, content_hash, provider_ref)
    SELECT :provider, hash, ref
      FROM unnest(CAST(:hashes AS text[]), CAST(:refs AS text[])) AS asked(hash, ref)
        ON CONFLICT DO NOTHING
    RETURNING provider_ref
)
SELECT DISTINCT provider_ref FROM new
