-- A person's word on exposures that nobody else will end: open -> resolved or loss, once.
--
-- The number keeps its provider_state: a person knows who has the money, not what the provider's
-- books say, and what those say again every hour must not open it again. Its dispute ends. Rows are
-- locked as by everybody who ends exposures: activations first, in id order.
WITH held AS MATERIALIZED (
    SELECT a.id, a.state FROM activation a
     WHERE a.id = ANY(CAST(:ids AS uuid[])) AND a.provider = :provider
     ORDER BY a.id FOR NO KEY UPDATE OF a
),
ended AS (
    UPDATE exposure e SET state = :state, ended_at = now()
      FROM held WHERE e.activation_id = held.id AND e.state = 'open'
    RETURNING e.activation_id, held.state, e.amount_minor, e.currency
),
agreed AS (
    UPDATE provider_dispute d SET ended_at = now()
      FROM ended WHERE d.activation_id = ended.activation_id AND d.ended_at IS NULL
),
logged AS (
    INSERT INTO transition (activation_id, what, state, detail)
    SELECT activation_id, 'exposure', state,
           jsonb_build_object('exposure', CAST(:state AS text), 'by', CAST(:by AS text),
                              'amount_minor', amount_minor, 'currency', currency)
      FROM ended
)
SELECT activation_id FROM ended
