-- Give a provider no new rentals, whichever process asks; one that is stopped stays so since then.
-- A pause makes no drain of before milder: whoever leaves goes on leaving.
WITH logged AS (
    INSERT INTO provider_change (provider, what, note, by) VALUES (:provider, :kind, :note, :by)
)
INSERT INTO provider_drain AS stopped (provider, kind, note, by)
VALUES (:provider, :kind, :note, :by)
    ON CONFLICT (provider) DO UPDATE
   SET kind = CASE stopped.kind WHEN 'drain' THEN stopped.kind ELSE excluded.kind END,
       note = CASE WHEN stopped.kind = 'drain' AND excluded.kind = 'pause' THEN stopped.note
                   ELSE coalesce(excluded.note, stopped.note) END,
       by = CASE WHEN stopped.kind = 'drain' AND excluded.kind = 'pause' THEN stopped.by
                 ELSE coalesce(excluded.by, stopped.by) END
RETURNING drained_at
