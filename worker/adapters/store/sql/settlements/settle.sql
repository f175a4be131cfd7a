-- The one commit point: endings become final with their money, events and exposure, once or never.
--
-- Every ending names the state it leaves; a second settler finds another one and changes nothing,
-- and were that guard wrong, the settlement's primary key would kill the whole statement. Rows are
-- locked in id order, balances before (lock_balances). Price, account and currency come from the
-- row, never from the caller. One balance row changes once, by the sum of its account. The settlement
-- itself is the line of the log that tells of it, which code of before wants stored beside it.
--
-- An ending that names no provider_state (a verdict: only a person's) leaves it as it is now, and
-- with it whether anything is still owed there: a dispute may have been opened since it was read.
WITH asked AS (
    SELECT * FROM unnest(
        CAST(:ids AS uuid[]), CAST(:sources AS text[]), CAST(:outcomes AS text[]),
        CAST(:provider_states AS text[]), CAST(:reasons AS text[]),
        CAST(:act_after AS interval[]), CAST(:exposed AS boolean[])
    ) AS t(id, source, outcome, provider_state, reason, act_after, exposed)
),
locked AS MATERIALIZED (
    SELECT a.id FROM activation a JOIN asked USING (id)
     WHERE a.state = asked.source
     ORDER BY a.id FOR NO KEY UPDATE OF a
),
won AS (
    UPDATE activation a
       SET state = asked.outcome,
           settled = asked.outcome <> 'in_review',
           provider_state = coalesce(asked.provider_state, a.provider_state),
           ending_at = CASE asked.outcome WHEN 'in_review' THEN 'infinity' ELSE a.ending_at END,
           pursue_at = CASE WHEN asked.provider_state IS NULL
                             AND a.provider_state IN
                                 ('cancelled', 'finished', 'charged', 'gone', 'disputed')
                            THEN NULL
                            ELSE {{now}} + asked.act_after END,
           lease_until = '-infinity', leased_by = NULL,
           attempts = CASE WHEN asked.provider_state = 'finishing' THEN 0 ELSE a.attempts END,
           epoch = epoch + 1,
           version = version + 1,
           listed = CASE asked.outcome WHEN 'in_review' THEN a.listed ELSE false END
      FROM asked JOIN locked USING (id)
     WHERE a.id = asked.id AND a.state = asked.source
    RETURNING a.id, a.account, a.provider, a.provider_ref, a.service, a.country, a.rented_at,
              a.price_minor, a.currency, a.charge,
              a.cost_minor, a.cost_currency, a.deadline_at, a.order_ref, a.state, a.provider_state,
              asked.reason, asked.exposed
),
ended AS (
    SELECT * FROM won WHERE state <> 'in_review'
),
lives_no_more AS (
    -- By what never changes: another press may have moved its end since this statement began.
    DELETE FROM live l USING ended WHERE l.id = ended.id
),
final AS (
    INSERT INTO settlement (activation_id, outcome, amount_minor, reason, at, provider_state, seq)
    SELECT id, state, price_minor, reason, {{now}}, provider_state,
           CASE WHEN {{layout}} >= 1 THEN nextval('transition_seq_seq') END
      FROM ended
),
moved AS (
    INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor, currency)
    SELECT CASE state WHEN 'refunded' THEN 'release:' ELSE 'capture:' END || id,
           account, id, 'held:' || account,
           CASE WHEN state <> 'refunded' THEN 'house:revenue'
                WHEN charge = 'hold' THEN 'available:' || account
                ELSE 'house:outside' END,
           price_minor, currency
      FROM ended
),
told AS (
    INSERT INTO event (subject, type, activation_id, account, at, payload, state)
    SELECT id::text, 'activation.' || state, id, account,
           {{now}},
           -- Of an ending it is read from the settlement; a ref that is still to come was not told.
           CASE WHEN {{layout}} < 2 OR state = 'in_review' OR provider_ref IS NULL THEN
               jsonb_build_object('id', id, 'provider', provider, 'provider_ref', provider_ref,
                                  'account', account, 'state', state, 'amount_minor', price_minor,
                                  'currency', currency, 'charge', charge, 'reason', reason)
                 || {{order_ref_told}} END,
           :event_state
      FROM won  -- Also of what waits for a human now: its money stays held.
),
exposed AS (
    INSERT INTO exposure (activation_id, provider, amount_minor, currency, state, opened_at, ended_at)
    SELECT id, provider, coalesce(cost_minor, price_minor), coalesce(cost_currency, currency),
           CASE provider_state WHEN 'charged' THEN 'loss' ELSE 'open' END,
           {{now}},
           CASE provider_state WHEN 'charged' THEN {{now}} END
      FROM won WHERE exposed AND provider_state IN ('open', 'cancelling', 'charged', 'disputed')
        ON CONFLICT (activation_id) DO NOTHING
),
logged AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT id, {{now}},
           CASE state WHEN 'in_review' THEN 'in_review' ELSE 'settled' END, state,
           jsonb_build_object('reason', reason, 'provider_state', provider_state,
                              'amount_minor', price_minor)
      FROM won WHERE state = 'in_review' OR {{layout}} < 1
),
sums AS (
    SELECT account, sum(price_minor)::bigint AS held,
           coalesce(sum(price_minor) FILTER (WHERE state = 'refunded' AND charge = 'hold'), 0)::bigint
             AS back
      FROM ended GROUP BY account
),
booked AS (
    UPDATE balance b
       SET version = version + 1,
           amount_minor = amount_minor + CASE b.bucket WHEN 'held' THEN -held ELSE back END
      FROM sums WHERE b.account = sums.account
)
SELECT id, provider, state, reason, price_minor, currency,
       {{now}} - deadline_at AS lateness,
       -- What is counted of them besides.
       provider_state, service, country, rented_at, cost_minor, cost_currency,
       CASE state WHEN 'delivered' THEN
           (SELECT min(c.received_at) FROM code c
             WHERE c.activation_id = won.id AND c.code IS NOT NULL) END AS code_at
  FROM won
