-- A page of a provider's history against our books: who kept the price of which number?
--
-- Where both say it and differ, the number is disputed with the amount; where they agree again, it
-- is what it was. One whose fate nobody could tell us (gone) takes the history's word. Told twice it
-- changes nothing. Customers are not touched; a dispute over one whose money is back is exposure.
-- What it says was given back costs nothing, whatever made us think so: a code after the cancel, or
-- a person who had written it off. Charged after its cancel it stays a person's to claim, code or not.
-- Only the newest rental of a ref, only the same phone where both name one, only of about the same
-- time, and only a while after its last change: a ref is used again, and histories lag. Two rows of
-- one ref that differ say nothing.
WITH told AS (
    SELECT ref, min(listed_phone) AS listed_phone, min(fate) AS fate, min(cost) AS cost,
           min(cost_in) AS cost_in, min(rented_at) AS told_at
      FROM unnest(CAST(:refs AS text[]), CAST(:phones AS text[]), CAST(:fates AS text[]),
                  CAST(:costs AS bigint[]), CAST(:currencies AS text[]),
                  CAST(:rented AS timestamptz[]))
        AS t(ref, listed_phone, fate, cost, cost_in, rented_at)
     GROUP BY ref
    HAVING count(DISTINCT (listed_phone, fate, cost, cost_in, rented_at)) = 1
),
newest AS (
    SELECT DISTINCT ON (a.provider_ref) a.id, told.*
      FROM told JOIN activation a ON a.provider = :provider AND a.provider_ref = told.ref
     ORDER BY a.provider_ref, a.rented_at DESC
),
differ AS MATERIALIZED (
    SELECT a.id, a.provider_state AS was, n.fate,
           CASE WHEN coalesce(d.held, a.provider_state) = 'gone'
                THEN CASE n.fate WHEN 'charged' THEN 'charged' ELSE 'cancelled' END
                WHEN n.fate = 'given_back' AND a.provider_state IN ('cancelled', 'disputed')
                     AND d.activation_id IS NULL THEN 'cancelled'
                ELSE coalesce(d.held, 'disputed') END AS becomes,
           coalesce(n.cost, a.cost_minor, a.price_minor) AS amount_minor,
           CASE WHEN n.cost IS NOT NULL THEN n.cost_in
                WHEN a.cost_minor IS NOT NULL THEN coalesce(a.cost_currency, a.currency)
                ELSE a.currency END AS amount_in
      FROM newest n JOIN activation a USING (id)
      LEFT JOIN provider_dispute d
        ON d.activation_id = a.id AND d.ended_at IS NULL AND a.provider_state = 'disputed'
     WHERE n.fate IN ('charged', 'given_back') AND a.pursue_at IS NULL
       AND (a.provider_state = 'gone' OR d.held = 'gone'
            OR n.fate = 'charged' AND (a.provider_state = 'cancelled'
                                       OR d.held IN ('finished', 'charged'))
            OR n.fate = 'given_back' AND (a.provider_state IN ('finished', 'charged')
                                          OR d.held = 'cancelled')
            OR n.fate = 'given_back' AND a.provider_state IN ('cancelled', 'disputed')
               AND d.activation_id IS NULL
               AND EXISTS (SELECT FROM exposure e
                            WHERE e.activation_id = a.id AND e.state <> 'resolved'))
       AND (n.listed_phone IS NULL OR a.phone IS NULL
            OR right(regexp_replace(n.listed_phone, '\D', '', 'g'), 7)
               = right(regexp_replace(a.phone, '\D', '', 'g'), 7))
       -- A day is more than any clock or zone is off, and less than until a ref is used again; a
       -- history that tells no time goes back thirty days.
       AND CASE WHEN n.told_at IS NULL THEN a.rented_at > now() - interval '31 days'
                ELSE a.rented_at BETWEEN n.told_at - interval '1 day'
                                     AND n.told_at + interval '1 day' END
       AND NOT EXISTS (SELECT FROM transition t WHERE t.activation_id = a.id
                          AND t.at > now() - CAST(:ended_for AS interval))
     ORDER BY a.id FOR NO KEY UPDATE OF a
),
moved AS (
    UPDATE activation a
       SET provider_state = differ.becomes, epoch = epoch + 1, version = version + 1
      FROM differ WHERE a.id = differ.id AND a.provider_state = differ.was
    RETURNING a.id, a.provider, a.state, a.cost_minor, a.cost_currency, a.price_minor, a.currency,
              differ.was, differ.becomes, differ.fate, differ.amount_minor, differ.amount_in
),
disputed AS (
    INSERT INTO provider_dispute (activation_id, provider, held, says, amount_minor, currency)
    SELECT id, provider, was, fate, amount_minor, amount_in FROM moved WHERE becomes = 'disputed'
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
           CASE becomes WHEN 'charged' THEN 'loss' ELSE 'open' END,
           CASE becomes WHEN 'charged' THEN now() END
      FROM moved WHERE state = 'refunded' AND fate = 'charged'
        ON CONFLICT (activation_id) DO UPDATE
       SET state = excluded.state, ended_at = excluded.ended_at
     WHERE exposure.state <> 'loss'
),
whole AS (
    UPDATE exposure e SET state = 'resolved', ended_at = now()
      FROM moved WHERE e.activation_id = moved.id AND moved.becomes = 'cancelled'
       AND e.state <> 'resolved'
),
logged AS (
    INSERT INTO transition (activation_id, what, state, detail)
    SELECT id, 'provider', state,
           jsonb_build_object('provider_state', becomes, 'reason', 'history', 'says', fate)
             || CASE becomes WHEN 'disputed'
                THEN jsonb_build_object('amount_minor', amount_minor, 'currency', amount_in)
                ELSE '{}' END
      FROM moved
)
SELECT was, becomes, amount_minor, amount_in AS currency FROM moved
