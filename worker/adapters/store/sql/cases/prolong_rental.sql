-- A prolonged rental ends later and has cost more; it may have ended meanwhile, and runs again then.
--
-- Each of several prolongations at once counts once; the balances are locked. Where the provider
-- tells no end, it is what was paid later than the end as it is now. An end that it tells may hold
-- one that is stored later, so what was paid is counted from the end that was read before it was
-- asked: with all that was stored since that reading, which names the renewal it knew.
WITH meanwhile AS (
    SELECT coalesce(sum(seconds), 0) AS seconds FROM rental_order
     WHERE rental_id = CAST(:rental AS uuid) AND kind = 'prolong' AND state = 'done'
       AND ended_at > coalesce(CAST(:read_renewal AS timestamptz), '-infinity')
),
prolonged AS (
    UPDATE rental
       SET ends_at = CASE
               WHEN CAST(:told_end AS timestamptz) IS NULL
               THEN ends_at + make_interval(secs => CAST(:seconds AS bigint))
               ELSE greatest(ends_at, CAST(:told_end AS timestamptz),
                             CAST(:read_end AS timestamptz)
                             + make_interval(secs => CAST(:seconds AS bigint) + meanwhile.seconds))
           END,
           ended_at = NULL,
           price_minor = price_minor + CAST(:price AS bigint),
           renewed_at = CAST(:now AS timestamptz), renewal_price_minor = CAST(:price AS bigint)
      FROM meanwhile WHERE id = CAST(:rental AS uuid)
    RETURNING id, ends_at
)
INSERT INTO timer (kind, subject, due_at) SELECT 'rental_end', id, ends_at FROM prolonged
    ON CONFLICT (kind, subject)
    DO UPDATE SET due_at = excluded.due_at, fired_at = NULL, lease_until = '-infinity'
