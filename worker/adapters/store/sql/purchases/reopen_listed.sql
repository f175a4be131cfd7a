-- Numbers the provider lists as active although we hold them for given back, or for gone.
--
-- The one way back on the provider's axis: cancelled or gone -> cancelling, to be pursued (a read
-- comes first, so a list that is merely stale costs one request); the second time -> disputed, for
-- a person to ask. Customers are not touched; one whose money is back makes it an exposure again.
-- Only the newest rental of a ref, only the same phone where the list names one, and only a while
-- after its last change: a ref is used again, and lists lag. Never one whose phone was forgotten.
WITH asked AS (
    SELECT DISTINCT ON (ref) ref, phone
      FROM unnest(CAST(:refs AS text[]), CAST(:phones AS text[])) AS t(ref, phone)
),
newest AS (
    SELECT DISTINCT ON (a.provider_ref) a.id, a.state, a.provider_state, a.phone,
           asked.phone AS listed_phone
      FROM asked JOIN activation a ON a.provider = :provider AND a.provider_ref = asked.ref
     ORDER BY a.provider_ref, a.rented_at DESC
),
held AS MATERIALIZED (
    SELECT a.id, a.provider_state AS was,
           EXISTS (SELECT FROM transition t WHERE t.activation_id = a.id AND t.what = 'provider'
                      AND t.detail ->> 'reason' = 'listed') AS again
      FROM newest n JOIN activation a USING (id)
     WHERE n.provider_state IN ('cancelled', 'gone')
       AND n.state IN ('refunded', 'closed', 'in_review')
       AND n.phone IS NOT NULL
       AND (n.listed_phone IS NULL
            OR right(regexp_replace(n.listed_phone, '\D', '', 'g'), 7)
               = right(regexp_replace(n.phone, '\D', '', 'g'), 7))
       AND NOT EXISTS (SELECT FROM transition t WHERE t.activation_id = a.id
                          AND t.at > now() - CAST(:ended_for AS interval))
       AND NOT EXISTS (SELECT FROM settlement s WHERE s.activation_id = a.id
                          AND s.at > now() - CAST(:ended_for AS interval))
     ORDER BY a.id FOR NO KEY UPDATE OF a
),
moved AS (
    UPDATE activation a
       SET provider_state = CASE WHEN held.again THEN 'disputed' ELSE 'cancelling' END,
           pursue_at = CASE WHEN held.again THEN NULL ELSE now() END,
           attempts = greatest(attempts, 1), unknown_reads = 0,
           epoch = epoch + 1, version = version + 1
      FROM held WHERE a.id = held.id AND a.provider_state IN ('cancelled', 'gone')
    RETURNING a.*, held.was
),
disputed AS (
    INSERT INTO provider_dispute (activation_id, provider, held, says, amount_minor, currency)
    SELECT id, provider, was, 'active', coalesce(cost_minor, price_minor),
           coalesce(cost_currency, currency)
      FROM moved WHERE provider_state = 'disputed'
        ON CONFLICT (activation_id) DO UPDATE
       SET held = excluded.held, says = excluded.says, amount_minor = excluded.amount_minor,
           currency = excluded.currency, opened_at = excluded.opened_at, ended_at = NULL
),
exposed AS (
    INSERT INTO exposure (activation_id, provider, amount_minor, currency)
    SELECT id, provider, coalesce(cost_minor, price_minor), coalesce(cost_currency, currency)
      FROM moved WHERE state = 'refunded'
        ON CONFLICT (activation_id) DO UPDATE SET state = 'open', ended_at = NULL
     WHERE exposure.state = 'resolved'
),
logged AS (
    INSERT INTO transition (activation_id, what, state, detail)
    SELECT id, 'provider', state,
           jsonb_build_object('provider_state', provider_state, 'reason', 'listed')
      FROM moved
)
SELECT count(*) FILTER (WHERE provider_state = 'cancelling') AS pursued,
       count(*) FILTER (WHERE provider_state = 'disputed') AS disputed
  FROM moved
