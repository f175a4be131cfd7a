-- The activation of a purchase that was asked for: with its number, or without one where nobody
-- knows. One row however often it is told; the purchase's state is the guard.
WITH won AS (
    UPDATE purchase SET state = :state
     WHERE id = CAST(:id AS uuid) AND state = 'asked'
    RETURNING id, account, provider, "order" AS o, price_minor, currency,
              CASE WHEN :state = 'unknown' THEN asked_at
                   ELSE greatest(now() - CAST(:ago AS interval), asked_at) END AS rented_at
),
lived AS (
    SELECT won.*, coalesce(CAST(:expires_at AS timestamptz),
                           rented_at + CAST(:expires_in AS interval)) AS expires_at
      FROM won
),
timed AS (
    SELECT lived.*, least(
               rented_at + make_interval(secs => CAST(o ->> 'window_seconds' AS integer)),
               -- least() ignores NULL, where the provider gives no expiry; greatest() would too.
               CASE WHEN expires_at IS NOT NULL THEN greatest(expires_at, rented_at) END
           ) AS deadline_at
      FROM lived
),
new AS (
    INSERT INTO activation (id, provider, provider_ref, account, phone, service, country,
           price_minor, currency, cost_minor, cost_currency, policy, policy_version, charge,
           rented_at, window_seconds, deadline_at, expires_at, cancel_not_before, ending_at,
           order_ref, order_facts, cancel_offered, cancel_from_at, cancel_until_at, cancel_judged)
    SELECT id, provider, CAST(:ref AS text), account, CAST(:phone AS text), o ->> 'service',
           o ->> 'country', price_minor, currency, CAST(:cost AS bigint),
           CAST(:cost_currency AS text), o ->> 'policy', o ->> 'policy_version', 'hold',
           rented_at, CAST(o ->> 'window_seconds' AS integer), deadline_at,
           expires_at,
           greatest(rented_at + CAST(:min_cancel_age AS interval),
                    CAST(:cancel_not_before AS timestamptz)),
           deadline_at + interval '1 microsecond', o ->> 'order_ref', o -> 'order_facts',
           coalesce(CAST(o -> 'cancel' ->> 'offered' AS boolean), true),
           rented_at + make_interval(secs => CAST(o -> 'cancel' ->> 'from_s' AS integer)),
           rented_at + make_interval(secs => CAST(o -> 'cancel' ->> 'until_s' AS integer)),
           coalesce(CAST(o -> 'cancel' ->> 'judged' AS boolean), true)
      FROM timed
    RETURNING id
)
INSERT INTO transition (activation_id, what, state, detail)
SELECT id, 'accepted', 'waiting', jsonb_build_object('purchase', CAST(:state AS text)) FROM new
