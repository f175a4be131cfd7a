-- Store new numbers with their holds, in one statement (E0).
--
-- The balances are locked and were found high enough. A row whose ref came alive meanwhile is left
-- out with its money: the caller reads again and finds the other's. Rows go in by ref, so that two
-- intakes with the same refs wait for each other instead of deadlocking. The row itself is the first
-- line of the number's log, which code of before wants stored beside it.
WITH asked AS (
    SELECT * FROM unnest(
        CAST(:id AS uuid[]), CAST(:provider AS text[]), CAST(:provider_ref AS text[]),
        CAST(:account AS text[]), CAST(:phone AS text[]), CAST(:service AS text[]),
        CAST(:country AS text[]), CAST(:price_minor AS bigint[]), CAST(:currency AS text[]),
        CAST(:cost_minor AS bigint[]), CAST(:cost_currency AS text[]),
        CAST(:policy AS text[]), CAST(:policy_version AS text[]), CAST(:charge AS text[]),
        CAST(:rented_at AS timestamptz[]), CAST(:window_seconds AS integer[]),
        CAST(:deadline_at AS timestamptz[]), CAST(:expires_at AS timestamptz[]),
        CAST(:cancel_not_before AS timestamptz[]),
        CAST(:order_ref AS text[]), CAST(:order_facts AS text[]),
        CAST(:cancel_offered AS boolean[]), CAST(:cancel_from_at AS timestamptz[]),
        CAST(:cancel_until_at AS timestamptz[]), CAST(:cancel_judged AS boolean[])
    ) AS t(id, provider, provider_ref, account, phone, service, country, price_minor, currency,
           cost_minor, cost_currency, policy, policy_version, charge, rented_at, window_seconds,
           deadline_at, expires_at, cancel_not_before, order_ref, order_facts,
           cancel_offered, cancel_from_at, cancel_until_at, cancel_judged)
),
alive AS (
    INSERT INTO live (id, at_provider, ends_at, ref)
    SELECT id, provider, deadline_at + interval '1 microsecond', provider_ref FROM asked
     -- One by one, by the primary key: NOT EXISTS becomes a join, which may read all numbers.
     WHERE (SELECT a.id FROM activation a WHERE a.id = asked.id) IS NULL
     ORDER BY provider, provider_ref
        ON CONFLICT DO NOTHING
    RETURNING id
),
new AS (
    INSERT INTO activation (id, provider, provider_ref, account, phone, service, country,
           price_minor, currency, cost_minor, cost_currency, policy, policy_version, charge,
           rented_at, window_seconds, deadline_at, expires_at, cancel_not_before, ending_at,
           order_ref, order_facts, cancel_offered, cancel_from_at, cancel_until_at, cancel_judged,
           accepted_seq, listed)
    SELECT id, provider, provider_ref, account, phone, service, country,
           price_minor, currency, cost_minor, cost_currency, policy, policy_version, charge,
           rented_at, window_seconds, deadline_at, expires_at, cancel_not_before,
           -- "In time" includes the last instant: the ending starts at the first one after it.
           deadline_at + interval '1 microsecond', order_ref, CAST(order_facts AS jsonb),
           cancel_offered, cancel_from_at, cancel_until_at, cancel_judged,
           CASE WHEN {{layout}} >= 1 THEN nextval('transition_seq_seq') END, true
      FROM asked JOIN alive USING (id)
     ORDER BY provider, provider_ref
    RETURNING id, account, price_minor, currency, charge, accepted_seq
),
moved AS (
    INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor, currency)
    SELECT 'hold:' || id, account, id,
           CASE charge WHEN 'hold' THEN 'available:' || account ELSE 'house:outside' END,
           'held:' || account, price_minor, currency
      FROM new
),
logged AS (
    INSERT INTO transition (activation_id, what, state)
    SELECT id, 'accepted', 'waiting' FROM new WHERE accepted_seq IS NULL
),
sums AS (
    SELECT account, sum(price_minor)::bigint AS held,
           coalesce(sum(price_minor) FILTER (WHERE charge = 'hold'), 0)::bigint AS taken
      FROM new GROUP BY account
),
booked AS (
    UPDATE balance b
       SET version = version + 1,
           amount_minor = amount_minor + CASE b.bucket WHEN 'held' THEN held ELSE -taken END
      FROM sums WHERE b.account = sums.account
)
SELECT id FROM new
