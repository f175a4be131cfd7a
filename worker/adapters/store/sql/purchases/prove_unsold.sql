-- Purchases that were never sold: nothing is owed there, and nothing is at risk any more.
--
-- Only where no number was found meanwhile, and only once the customer is settled or in review:
-- end_unsold goes before. Should the number be found after all, adopt takes it all back. Rows are
-- locked as by everybody who ends exposures: activations first, in id order.
WITH held AS MATERIALIZED (
    SELECT a.id FROM activation a JOIN purchase p USING (id)
     WHERE a.id = ANY(CAST(:ids AS uuid[])) AND a.provider_ref IS NULL
       AND p.state = 'unknown' AND p.unsold_at IS NULL
       AND (a.settled OR a.state = 'in_review')
     ORDER BY a.id FOR NO KEY UPDATE OF a
),
known AS (
    UPDATE purchase p SET unsold_at = now()
      FROM held WHERE p.id = held.id AND p.state = 'unknown'
    RETURNING p.id
),
moved AS (
    UPDATE activation a
       SET provider_state = 'cancelled', pursue_at = NULL, leased_by = NULL, unknown_reads = 0,
           epoch = epoch + 1, version = version + 1
      FROM held WHERE a.id = held.id AND a.provider_ref IS NULL
       AND a.provider_state IN ('cancelling', 'disputed')
    RETURNING a.id, a.state
),
whole AS (
    UPDATE exposure e SET state = 'resolved', ended_at = now()
      FROM held WHERE e.activation_id = held.id AND e.state = 'open'
),
agreed AS (
    UPDATE provider_dispute d SET ended_at = now()
      FROM held WHERE d.activation_id = held.id AND d.ended_at IS NULL
),
logged AS (
    INSERT INTO transition (activation_id, what, state, detail)
    SELECT id, 'provider', state,
           jsonb_build_object('provider_state', 'cancelled', 'reason', 'unsold')
      FROM moved
)
SELECT id FROM known
