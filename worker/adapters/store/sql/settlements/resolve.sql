-- The provider's axis of pursued numbers, settled or in review, reached its end; with it exposure.
-- An answer to an older attempt changes nothing: the epoch is the fence. Locked in id order.
WITH asked AS (
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:epochs AS integer[]),
                         CAST(:provider_states AS text[])) AS t(id, epoch, provider_state)
),
locked AS MATERIALIZED (
    SELECT a.id FROM activation a JOIN asked USING (id)
     WHERE a.epoch = asked.epoch
     ORDER BY a.id FOR NO KEY UPDATE OF a
),
done AS (
    UPDATE activation a
       SET provider_state = asked.provider_state, pursue_at = NULL, epoch = a.epoch + 1,
           version = version + 1, leased_by = NULL
      FROM asked JOIN locked USING (id)
     WHERE a.id = asked.id AND a.epoch = asked.epoch AND a.pursue_at IS NOT NULL
       AND a.provider_state IN ('cancelling', 'finishing')
    RETURNING a.id, a.provider, a.state, a.provider_state, a.cost_minor, a.cost_currency,
              a.price_minor, a.currency
),
charged AS (
    INSERT INTO exposure (activation_id, provider, amount_minor, currency, state, opened_at, ended_at)
    SELECT id, provider, coalesce(cost_minor, price_minor), coalesce(cost_currency, currency),
           'loss', {{now}},
           {{now}}
      -- A captured hold pays for what the provider keeps: only a released one is our loss.
      FROM done WHERE provider_state = 'charged' AND state = 'refunded'
        ON CONFLICT (activation_id) DO UPDATE SET state = 'loss', ended_at = excluded.ended_at
),
disputed AS (
    INSERT INTO provider_dispute (activation_id, provider, held, says, amount_minor, currency)
    SELECT id, provider, 'cancelling', 'nothing', coalesce(cost_minor, price_minor),
           coalesce(cost_currency, currency)
      FROM done WHERE provider_state = 'disputed'
        ON CONFLICT (activation_id) DO NOTHING
),
whole AS (
    UPDATE exposure e SET state = 'resolved', ended_at = {{now}}
      FROM done WHERE e.activation_id = done.id AND done.provider_state = 'cancelled'
       AND e.state <> 'resolved'
),
logged AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT id, {{now}}, 'provider', state,
           jsonb_build_object('provider_state', provider_state)
      FROM done
)
SELECT id, provider, provider_state FROM done
