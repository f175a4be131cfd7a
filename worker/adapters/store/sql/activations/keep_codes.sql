-- Keep codes that were just judged, with their state and events (E1, E1a, E1b).
--
-- The rows are locked by this transaction. `number` counts the activation's codes in the order in
-- which they were seen. A late one has neither code nor text: only its hash stays. The move from waiting or expiring
-- to received is a HOT update. A late code of a number whose customer is whole already is an
-- exposure, even when the provider had confirmed the cancel: it may charge us all the same.
WITH asked AS (
    SELECT * FROM unnest(
        CAST(:ids AS uuid[]), CAST(:hashes AS bytea[]), CAST(:codes AS text[]),
        CAST(:texts AS text[]), CAST(:shown AS boolean[]), CAST(:received AS timestamptz[])
    ) WITH ORDINALITY AS t(activation_id, hash, code, text, shown, received_at, place)
),
kept AS (
    INSERT INTO code (activation_id, hash, number, code, text, received_at)
    SELECT activation_id, hash,
           (SELECT count(*) FROM code c WHERE c.activation_id = asked.activation_id)
             + row_number() OVER (PARTITION BY activation_id ORDER BY place),
           CASE WHEN shown THEN code END, CASE WHEN shown THEN text END,
           received_at
      FROM asked
        ON CONFLICT DO NOTHING
    RETURNING activation_id, number, code, text, received_at
),
moved AS (
    UPDATE activation a
       SET state = 'received', version = version + 1, lease_until = '-infinity',
           -- A number whose Cancel was pressed is ended by its window again. One that has a code
           -- already keeps the finish that its customer asked for.
           ending_at = CASE state WHEN 'received' THEN ending_at
                                  ELSE deadline_at + interval '1 microsecond' END,
           provider_state = CASE provider_state WHEN 'cancelling' THEN 'open' ELSE provider_state END
     WHERE a.id IN (SELECT activation_id FROM kept WHERE code IS NOT NULL)
       AND a.state IN ('waiting', 'expiring', 'received')
),
logged AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT activation_id, received_at,
           CASE WHEN code IS NULL THEN 'late_code' ELSE 'code' END,
           CASE WHEN code IS NULL THEN a.state ELSE 'received' END,
           jsonb_build_object('number', number)
      FROM kept JOIN activation a ON a.id = kept.activation_id
     ORDER BY number
),
told AS (
    INSERT INTO event (subject, type, number, activation_id, account, at, payload, state)
    SELECT activation_id::text, 'activation.code_received', number, activation_id, a.account,
           received_at,
           jsonb_build_object('id', activation_id, 'provider', a.provider,
                              'provider_ref', a.provider_ref, 'account', a.account,
                              'state', 'received', 'number', number, 'code', code,
                              'received_at', to_char(received_at AT TIME ZONE 'UTC',
                                                     'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
             || {{order_ref_told}},
           :event_state
      FROM kept JOIN activation a ON a.id = kept.activation_id
     WHERE code IS NOT NULL
     ORDER BY number
),
exposed AS (
    INSERT INTO exposure (activation_id, provider, amount_minor, currency, opened_at)
    SELECT DISTINCT a.id, a.provider, coalesce(a.cost_minor, a.price_minor),
           coalesce(a.cost_currency, a.currency), CAST(:now AS timestamptz)
      FROM kept JOIN activation a ON a.id = kept.activation_id
     WHERE kept.code IS NULL AND a.state = 'refunded'
        ON CONFLICT (activation_id) DO UPDATE SET state = 'open', ended_at = NULL
     WHERE exposure.state = 'resolved'
)
SELECT activation_id, number FROM kept
