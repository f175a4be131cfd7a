-- The inbox of what providers push: unique by content, so a repeated push is no news. They go in by
-- their hashes, so that two who keep the same ones wait for each other instead of deadlocking.
WITH new AS (
    INSERT INTO push (provider, content_hash, provider_ref)
    SELECT :provider, hash, ref
      FROM unnest(CAST(:hashes AS text[]), CAST(:refs AS text[])) AS asked(hash, ref)
     ORDER BY hash
        ON CONFLICT DO NOTHING
    RETURNING provider_ref
)
SELECT DISTINCT provider_ref FROM new
