-- What an event tells; of an ending, as its settlement and its number say it. Of the event only
-- `activation_id` and `payload` are named, without a table: it is called otherwise in each statement.
coalesce(payload, (
    SELECT jsonb_build_object('id', id, 'provider', a.provider, 'provider_ref', a.provider_ref,
                              'account', a.account, 'state', s.outcome,
                              'amount_minor', s.amount_minor, 'currency', a.currency,
                              'charge', a.charge, 'reason', s.reason)
             || {{order_ref_told}}
      FROM (SELECT activation_id AS id, outcome, amount_minor, reason FROM settlement) s
      JOIN activation a USING (id)
     WHERE id = activation_id)) AS payload
