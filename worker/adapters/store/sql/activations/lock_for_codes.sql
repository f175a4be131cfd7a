-- Lock the newest rental of each ref an SMS was seen for, in id order, with what is known of it.
-- A late SMS of a reused ref goes to the newest rental only if it is that one's: the caller judges
-- by state and deadline, so a code never reaches another customer. `now` is the transaction's: waiting
-- for somebody's lock makes no code late.
WITH target AS MATERIALIZED (
    SELECT DISTINCT ON (a.provider, a.provider_ref) a.id
      FROM unnest(CAST(:providers AS text[]), CAST(:refs AS text[])) AS asked(provider, provider_ref)
      JOIN activation a USING (provider, provider_ref)
     ORDER BY a.provider, a.provider_ref, a.rented_at DESC
)
SELECT a.id, a.provider, a.provider_ref, a.account, a.state, a.provider_state, a.rented_at,
       a.deadline_at, {{now}} AS now, false AS is_locked
  FROM activation a JOIN target USING (id)
 ORDER BY a.id
   FOR NO KEY UPDATE OF a
