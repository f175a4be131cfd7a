-- Write what a provider's history changes in our books, as domain/history_check.py decided it.
--
-- A number that changed since it was read stays as it is, and so does one whose dispute a person
-- ended meanwhile: the next round decides anew. Locked in id order, like all that changes many.
WITH asked AS (
    SELECT * FROM unnest(
        CAST(:id AS uuid[]), CAST(:epoch AS integer[]), CAST(:was AS text[]),
        CAST(:held AS text[]), CAST(:becomes AS text[]), CAST(:exposure AS text[]),
        CAST(:says AS text[]), CAST(:amount_minor AS bigint[]), CAST(:currency AS text[])
    ) AS t(id, epoch, was, held, becomes, exposure, says, amount_minor, amount_in)
),
locked AS MATERIALIZED (
    SELECT a.id FROM activation a JOIN asked USING (id)
     WHERE a.epoch = asked.epoch AND a.provider_state = asked.was AND a.pursue_at IS NULL
       AND (asked.was <> 'disputed'
            OR asked.held IS NOT DISTINCT FROM
               (SELECT d.held FROM provider_dispute d
                 WHERE d.activation_id = a.id AND d.ended_at IS NULL))
     ORDER BY a.id FOR NO KEY UPDATE OF a
),
moved AS (
    UPDATE activation a
       SET provider_state = asked.becomes, epoch = a.epoch + 1, version = version + 1
      FROM asked JOIN locked USING (id)
     WHERE a.id = asked.id AND a.epoch = asked.epoch AND a.provider_state = asked.was
    RETURNING a.id, a.provider, a.state, a.cost_minor, a.cost_currency, a.price_minor, a.currency,
              asked.was, asked.becomes, asked.exposure, asked.says, asked.amount_minor,
              asked.amount_in
),
disputed AS (
    INSERT INTO provider_dispute (activation_id, provider, held, says, amount_minor, currency)
    SELECT id, provider, was, says, amount_minor, amount_in FROM moved WHERE becomes = 'disputed'
        ON CONFLICT (activation_id) DO UPDATE
       SET held = excluded.held, says = excluded.says, amount_minor = excluded.amount_minor,
           currency = excluded.currency, opened_at = excluded.opened_at, ended_at = NULL
),
agreed AS (
    UPDATE provider_dispute d SET ended_at = now()
      FROM moved WHERE d.activation_id = moved.id AND moved.was = 'disputed'
),
exposed AS (
    INSERT INTO exposure (activation_id, provider, amount_minor, currency, state, ended_at)
    SELECT id, provider, coalesce(cost_minor, price_minor), coalesce(cost_currency, currency),
           exposure, CASE exposure WHEN 'loss' THEN now() END
      FROM moved WHERE exposure IN ('open', 'loss')
        ON CONFLICT (activation_id) DO UPDATE
       SET state = excluded.state, ended_at = excluded.ended_at
     WHERE exposure.state <> 'loss'
),
whole AS (
    UPDATE exposure e SET state = 'resolved', ended_at = now()
      FROM moved WHERE e.activation_id = moved.id AND moved.exposure = 'resolved'
       AND e.state <> 'resolved'
),
logged AS (
    INSERT INTO transition (activation_id, what, state, detail)
    SELECT id, 'provider', state,
           jsonb_build_object('provider_state', becomes, 'reason', 'history', 'says', says)
             || CASE becomes WHEN 'disputed'
                THEN jsonb_build_object('amount_minor', amount_minor, 'currency', amount_in)
                ELSE '{}' END
      FROM moved
)
SELECT was, becomes, amount_minor, amount_in AS currency FROM moved
