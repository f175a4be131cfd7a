-- The same as `lock_for_codes`, without waiting: of a number that somebody has locked only the fact is
-- told. One customer's row must not hold back the codes of a whole page of a list. Who comes again for
-- it passes on this `now`: waiting for somebody's lock makes no code late.
WITH target AS MATERIALIZED (
    SELECT DISTINCT ON (a.provider, a.provider_ref) a.id, a.provider, a.provider_ref
      FROM unnest(CAST(:providers AS text[]), CAST(:refs AS text[])) AS asked(provider, provider_ref)
      JOIN activation a USING (provider, provider_ref)
     ORDER BY a.provider, a.provider_ref, a.rented_at DESC
),
free AS MATERIALIZED (
    SELECT a.id, a.account, a.state, a.provider_state, a.rented_at, a.deadline_at
      FROM activation a JOIN target USING (id)
     ORDER BY a.id
       FOR NO KEY UPDATE OF a SKIP LOCKED
)
SELECT target.id, target.provider, target.provider_ref, free.account, free.state,
       free.provider_state, free.rented_at, free.deadline_at, {{now}} AS now,
       free.id IS NULL AS is_locked
  FROM target LEFT JOIN free USING (id)
