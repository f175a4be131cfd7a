-- When numbers in doubt were rented, a few: where the provider's history is read once more.
-- Those it forgot, and those whose code came after the cancel, too: only its history ends them.
WITH doubted AS (
    SELECT activation_id AS id FROM provider_dispute
     WHERE provider = :provider AND ended_at IS NULL
    UNION
    SELECT activation_id FROM exposure WHERE provider = :provider AND state = 'open'
),
picked AS (
    SELECT a.rented_at FROM doubted JOIN activation a USING (id)
     WHERE a.provider_ref IS NOT NULL AND a.pursue_at IS NULL
       AND a.rented_at > now() - CAST(:oldest AS interval)
       AND a.rented_at <= now() - CAST(:newest AS interval)
     -- Others the next time: what is never agreed on must not hide what will be.
     ORDER BY random() LIMIT :most
)
SELECT rented_at FROM picked ORDER BY rented_at
