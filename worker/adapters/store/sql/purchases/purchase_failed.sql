-- Certainly nothing was bought: the hold goes back, once. The balances are locked.
--
-- The last try of an order stays as that order, so that a claim can name it: refunded, without a
-- number, never due for anything. It was never live: its log begins with its ending. No event is
-- told: the caller has the answer that nothing was sold, and a shop that credits by
-- `activation.refunded` would give its customer what he never paid.
WITH failed AS (
    UPDATE purchase SET state = 'failed', failure = :failure
     WHERE id = CAST(:id AS uuid) AND state = 'asked'
    RETURNING id, account, provider, "order" AS o, price_minor, currency, asked_at,
              coalesce("order" ->> 'charge', 'hold') AS charge
),
moved AS (
    INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor, currency)
    SELECT 'release:' || id, account, id, 'held:' || account,
           CASE charge WHEN 'hold' THEN 'available:' || account ELSE 'house:outside' END,
           price_minor, currency
      FROM failed
),
kept AS (
    INSERT INTO activation (id, provider, account, service, country, price_minor, currency, policy,
           policy_version, charge, state, settled, provider_state, rented_at, window_seconds,
           deadline_at, ending_at, order_ref, order_facts)
    SELECT id, provider, account, o ->> 'service', o ->> 'country', price_minor, currency,
           o ->> 'policy', o ->> 'policy_version', charge, 'refunded', true, 'cancelled', asked_at,
           CAST(o ->> 'window_seconds' AS integer),
           asked_at + make_interval(secs => CAST(o ->> 'window_seconds' AS integer)), 'infinity',
           o ->> 'order_ref', o -> 'order_facts'
      FROM failed WHERE CAST(:is_order AS boolean)
    RETURNING id, price_minor
),
final AS (
    INSERT INTO settlement (activation_id, outcome, amount_minor, reason)
    SELECT id, 'refunded', price_minor, 'never_provided' FROM kept
),
logged AS (
    INSERT INTO transition (activation_id, what, state, detail)
    SELECT id, 'never_provided', 'refunded',
           jsonb_build_object('reason', CAST(:failure AS text), 'amount_minor', price_minor)
      FROM kept
)
UPDATE balance b
   SET version = version + 1,
       amount_minor = amount_minor + CASE b.bucket WHEN 'held' THEN -price_minor ELSE price_minor END
  FROM failed
 WHERE b.account = failed.account AND (b.bucket = 'held' OR failed.charge = 'hold')
