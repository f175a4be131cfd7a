-- Our books about one provider, over the numbers rented since an instant (domain/balance_check.py).
--
-- By rental time, which has an index: what is older is at rest and cannot change the balance.
WITH n AS (
    SELECT provider_state, cost_minor,
           cost_minor IS NOT NULL AND coalesce(cost_currency, :currency) = :currency AS priced
      FROM activation
     WHERE provider = :provider AND rented_at >= CAST(:since AS timestamptz)
)
SELECT coalesce(sum(cost_minor) FILTER (WHERE priced), 0)::bigint AS bought_minor,
       coalesce(sum(cost_minor) FILTER (WHERE priced AND provider_state = 'cancelled'), 0)::bigint
         AS back_minor,
       coalesce(sum(cost_minor)
           FILTER (WHERE priced AND provider_state IN ('cancelling', 'gone', 'disputed')), 0)::bigint
         AS undecided_minor,
       count(*) FILTER (WHERE priced
           AND provider_state IN ('open', 'cancelling', 'finishing', 'gone', 'disputed')) AS loose,
       count(*) FILTER (WHERE priced AND provider_state IN ('finished', 'charged')) AS rest,
       count(*) FILTER (WHERE NOT priced AND provider_state IN ('open', 'cancelling', 'finishing'))
         AS unpriced_live,
       count(*) FILTER (WHERE NOT priced
           AND provider_state IN ('finished', 'charged', 'disputed', 'gone')) AS unpriced_kept,
       (SELECT coalesce(sum(coalesce((p."order" ->> 'max_cost_minor')::bigint, p.price_minor)), 0)
          FROM purchase p WHERE p.provider = :provider AND p.state = 'asked')::bigint
         AS pending_minor
  FROM n
