-- A prolonged rental ends later and has cost more; it may have ended meanwhile, and runs again then.
WITH prolonged AS (
    UPDATE rental
       SET ends_at = greatest(ends_at, CAST(:ends_at AS timestamptz)), ended_at = NULL,
           price_minor = price_minor + CAST(:price AS bigint),
           renewed_at = CAST(:now AS timestamptz), renewal_price_minor = CAST(:price AS bigint)
     WHERE id = CAST(:rental AS uuid)
    RETURNING id, ends_at
)
INSERT INTO timer (kind, subject, due_at) SELECT 'rental_end', id, ends_at FROM prolonged
    ON CONFLICT (kind, subject)
    DO UPDATE SET due_at = excluded.due_at, fired_at = NULL, lease_until = '-infinity'
