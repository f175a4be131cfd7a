-- A purchase whose outcome was unknown turned out to be bought: its activation gets its number, also
-- where it was taken for unsold; but not while that is being settled.
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
       AND (state <> 'expiring' OR provider_state <> 'cancelled')
    RETURNING id, provider, state, cost_minor, price_minor, cost_currency, currency,
              state IN ('refunded', 'closed', 'in_review') AS over
),
known AS (
    UPDATE purchase SET state = 'rented', unsold_at = NULL FROM found WHERE purchase.id = found.id
),
exposed AS (
    INSERT INTO exposure (activation_id, provider, amount_minor, currency)
    SELECT id, provider, coalesce(cost_minor, price_minor), coalesce(cost_currency, currency)
      FROM found WHERE state = 'refunded'
        ON CONFLICT (activation_id) DO UPDATE
       SET amount_minor = excluded.amount_minor, currency = excluded.currency, state = 'open',
           ended_at = NULL
),
agreed AS (
    UPDATE provider_dispute d SET ended_at = now()
      FROM found WHERE d.activation_id = found.id AND d.ended_at IS NULL
)
INSERT INTO transition (activation_id, what, state, detail)
SELECT id, 'adopted', state,
       CASE WHEN over THEN jsonb_build_object('provider_state', 'cancelling') END FROM found
