-- The last purchase of an account that was activated, and what it still pays for since the oldest
-- top-up later than that: what a withdrawal of unused top-ups is reckoned from, however long ago.
--
-- A rental is taken, so it is activated; what a claim gave back whole is not. Each prolongation is a
-- purchase with its own instant, and what came back of a rental is that of its newest part first.
WITH given AS (
    SELECT r.id, sum(t.amount_minor)::bigint AS minor
      FROM rental r JOIN case_ c ON c.rental_id = r.id JOIN transfer t ON t.key = 'claim:' || c.id
     WHERE r.account = :account GROUP BY r.id
),
activated AS (
    (SELECT a.rented_at AS at
       FROM activation a
      WHERE a.account = :account AND a.state IN ('received', 'delivered')
        AND (a.price_minor = 0 OR a.price_minor > coalesce(
             (SELECT sum(t.amount_minor) FROM transfer t
               WHERE t.activation_id = a.id AND t.source = 'house:revenue'), 0))
      ORDER BY a.rented_at DESC LIMIT 1)
    UNION ALL
    (SELECT r.rented_at
       FROM rental r LEFT JOIN given ON given.id = r.id
      WHERE r.account = :account AND (r.price_minor = 0 OR r.price_minor > coalesce(given.minor, 0))
      ORDER BY r.rented_at DESC LIMIT 1)
),
unused AS (
    SELECT min(t.at) AS since FROM transfer t
     WHERE t.account = :account AND t.key LIKE 'topup:%'
       AND t.at > coalesce((SELECT max(at) FROM activated), '-infinity')
),
prolonged AS (
    SELECT o.rental_id AS id, o.asked_at AS at, o.price_minor
      FROM rental r JOIN rental_order o ON o.rental_id = r.id
     WHERE r.account = :account AND o.kind = 'prolong' AND o.state = 'done'
),
part AS (
    SELECT id, at, price_minor FROM prolonged
    UNION ALL
    SELECT r.id, r.rented_at,
           r.price_minor - coalesce((SELECT sum(p.price_minor) FROM prolonged p WHERE p.id = r.id), 0)
      FROM rental r WHERE r.account = :account AND r.charge = 'hold'
),
newest_first AS (
    SELECT part.*, coalesce(given.minor, 0) AS back_minor,
           sum(part.price_minor) OVER (PARTITION BY part.id ORDER BY part.at DESC) AS to_here_minor
      FROM part LEFT JOIN given ON given.id = part.id
),
purchase AS (
    SELECT a.rented_at AS at, a.price_minor - coalesce(
               (SELECT sum(t.amount_minor) FROM transfer t
                 WHERE t.activation_id = a.id AND t.source = 'house:revenue'), 0) AS left_minor
      FROM activation a, unused
     WHERE a.account = :account AND a.charge = 'hold' AND a.state <> 'refunded'
       AND a.rented_at >= unused.since
    UNION ALL
    SELECT at, least(price_minor, to_here_minor - back_minor) FROM newest_first, unused
     WHERE at >= unused.since
)
SELECT (SELECT max(at) FROM activated) AS activated_at,
       coalesce((SELECT jsonb_agg(jsonb_build_array(extract(epoch FROM at) * 1000000, left_minor)
                                  ORDER BY at)
                   FROM purchase WHERE left_minor > 0), '[]') AS purchases
