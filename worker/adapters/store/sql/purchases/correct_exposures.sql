-- A person's word on exposures that a person's word ended wrongly: resolved <-> loss, by a further row.
--
-- What was said before stays in the number's log; the new row names it. What a provider proved is not
-- corrected by anybody: those have no word of a person as their last, and where the provider says that
-- it kept the price of a number that was credited, the loss is certain; where it confirmed the cancel
-- since that word, there is none. Rows are locked as by everybody
-- who ends exposures: activations first, in id order.
WITH held AS MATERIALIZED (
    SELECT a.id, a.state FROM activation a
     WHERE a.id = ANY(CAST(:ids AS uuid[])) AND a.provider = :provider
       AND NOT (a.state = 'refunded' AND a.provider_state = 'charged')
     ORDER BY a.id FOR NO KEY UPDATE OF a
),
said AS (
    -- The last word of a person on each of them, and in whose name.
    SELECT DISTINCT ON (t.activation_id) t.activation_id, held.state, t.detail ->> 'exposure' AS was,
           t.detail ->> 'by' AS by, t.seq
      FROM held JOIN transition t ON t.activation_id = held.id AND t.what = 'exposure'
     ORDER BY t.activation_id, t.seq DESC
),
corrected AS (
    UPDATE exposure e SET state = :state, ended_at = now()
      FROM said WHERE e.activation_id = said.activation_id AND e.state = said.was
       AND e.state <> :state
       AND NOT (:state = 'loss'
                AND EXISTS (SELECT FROM transition t
                             WHERE t.activation_id = said.activation_id AND t.seq > said.seq
                               AND t.what = 'provider'
                               AND t.detail ->> 'provider_state' = 'cancelled'))
    RETURNING e.activation_id, said.state, said.was, said.by, e.amount_minor, e.currency
),
logged AS (
    INSERT INTO transition (activation_id, what, state, detail)
    SELECT activation_id, 'exposure', state,
           jsonb_build_object('exposure', CAST(:state AS text), 'by', CAST(:by AS text),
                              'amount_minor', amount_minor, 'currency', currency,
                              'corrects', jsonb_build_object('exposure', was, 'by', by))
      FROM corrected
)
SELECT activation_id FROM corrected
