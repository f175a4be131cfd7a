-- Our books about one provider, over what was rented since an instant (domain/balance_check.py).
--
-- Numbers by rental time, which has an index: what is older is at rest and cannot change the
-- balance. A long rental lives for months, so each time that it moves the balance counts by its own
-- instant: when it was rented, was prolonged and was given back. No provider tells what a
-- prolongation cost, or what came back of a long rental: these are of unknown cost.
WITH n AS (
    SELECT provider_state, cost_minor,
           cost_minor IS NOT NULL AND coalesce(cost_currency, :currency) = :currency AS priced
      FROM activation
     WHERE provider = :provider AND rented_at >= CAST(:since AS timestamptz)
),
numbers AS (
    SELECT coalesce(sum(cost_minor) FILTER (WHERE priced), 0) AS bought_minor,
           coalesce(sum(cost_minor) FILTER (WHERE priced AND provider_state = 'cancelled'), 0)
             AS back_minor,
           coalesce(sum(cost_minor)
               FILTER (WHERE priced AND provider_state IN ('cancelling', 'gone', 'disputed')), 0)
             AS undecided_minor,
           count(*) FILTER (WHERE priced
               AND provider_state IN ('open', 'cancelling', 'finishing', 'gone', 'disputed'))
             AS loose,
           count(*) FILTER (WHERE priced AND provider_state IN ('finished', 'charged')) AS rest,
           count(*) FILTER (WHERE NOT priced
               AND provider_state IN ('open', 'cancelling', 'finishing')) AS unpriced_live,
           count(*) FILTER (WHERE NOT priced
               AND provider_state IN ('finished', 'charged', 'disputed', 'gone')) AS unpriced_kept
      FROM n
),
r AS MATERIALIZED (
    SELECT id, cost_minor, rented_at >= CAST(:since AS timestamptz) AS is_new,
           cost_minor IS NOT NULL AND coalesce(cost_currency, :currency) = :currency AS priced,
           ended_at >= CAST(:since AS timestamptz) AND ended_at < ends_at AS given_back,
           ended_at < ends_at AND EXISTS (
               SELECT FROM timer t
                WHERE t.subject = r.id AND t.kind = 'rental_close' AND t.fired_at IS NULL
           ) AS is_closing
      FROM rental r
     WHERE provider = :provider AND ends_at >= CAST(:since AS timestamptz)
),
rentals AS (
    SELECT coalesce(sum(cost_minor) FILTER (WHERE is_new AND priced), 0) AS bought_minor,
           count(*) FILTER (WHERE is_new AND priced) AS rest,
           count(*) FILTER (WHERE is_closing) AS unpriced_live,
           count(*) FILTER (WHERE is_new AND NOT priced) + count(*) FILTER (WHERE given_back)
             AS unpriced_kept
      FROM r
),
orders AS (
    SELECT (SELECT count(*) FROM rental_order
             WHERE provider = :provider AND ended_at IS NULL) AS unpriced_live,
           (SELECT count(*) FROM r JOIN rental_order o ON o.rental_id = r.id
             WHERE o.kind = 'prolong' AND o.state = 'done'
               AND o.ended_at >= CAST(:since AS timestamptz)) AS unpriced_kept
)
SELECT (numbers.bought_minor + rentals.bought_minor)::bigint AS bought_minor,
       numbers.back_minor::bigint, numbers.undecided_minor::bigint, numbers.loose,
       numbers.rest + rentals.rest AS rest,
       numbers.unpriced_live + rentals.unpriced_live + orders.unpriced_live AS unpriced_live,
       numbers.unpriced_kept + rentals.unpriced_kept + orders.unpriced_kept AS unpriced_kept,
       (SELECT coalesce(sum(coalesce((p."order" ->> 'max_cost_minor')::bigint, p.price_minor)), 0)
          FROM purchase p WHERE p.provider = :provider AND p.state = 'asked')::bigint
         AS pending_minor
  FROM numbers, rentals, orders
