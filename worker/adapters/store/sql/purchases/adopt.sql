-- A purchase whose outcome was unknown turned out to be bought: its activation gets its number.
--
-- Where the customer is settled already, nobody waits for a code: the number is pursued like any
-- other whose cancel the grace overtook, and its exposure is what it really cost, and open, also
-- where a person had ended it.
WITH found AS (
    UPDATE activation
       SET provider_ref = :ref, phone = :phone, cost_minor = CAST(:cost AS bigint),
           cost_currency = CAST(:cost_currency AS text), version = version + 1,
           provider_state = CASE WHEN state IN ('refunded', 'closed', 'in_review')
                                 THEN 'cancelling' ELSE provider_state END,
           pursue_at = CASE WHEN state IN ('refunded', 'closed', 'in_review') THEN now() END,
           -- Read first: an attempt is counted, though none could be made without its ref.
           attempts = CASE WHEN state IN ('refunded', 'closed', 'in_review')
                           THEN greatest(attempts, 1) ELSE attempts END,
           epoch = epoch + 1
     WHERE id = CAST(:id AS uuid) AND provider_ref IS NULL
    RETURNING id, state, cost_minor, price_minor, cost_currency, currency,
              state IN ('refunded', 'closed', 'in_review') AS over
),
known AS (
    UPDATE purchase SET state = 'rented' FROM found WHERE purchase.id = found.id
),
exposed AS (
    UPDATE exposure e
       SET amount_minor = coalesce(cost_minor, price_minor),
           currency = coalesce(cost_currency, found.currency), state = 'open', ended_at = NULL
      FROM found WHERE e.activation_id = found.id
),
agreed AS (
    UPDATE provider_dispute d SET ended_at = now()
      FROM found WHERE d.activation_id = found.id AND d.ended_at IS NULL
)
INSERT INTO transition (activation_id, what, state, detail)
SELECT id, 'adopted', state,
       CASE WHEN over THEN jsonb_build_object('provider_state', 'cancelling') END FROM found
