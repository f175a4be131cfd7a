-- How many of an account's last orders there are, up to a number, and how many of them Cancel
-- credits, or is about to. A number that was never given out is no order for that.
SELECT count(*) AS orders, count(*) FILTER (WHERE cancelled) AS cancels
  FROM (
    (SELECT rented_at, reason IS NOT DISTINCT FROM 'cancel' AND state IN ('expiring', 'refunded')
              AS cancelled
       FROM activation WHERE account = :account AND provider_ref IS NOT NULL
      ORDER BY rented_at DESC LIMIT CAST(:recent AS integer))
    UNION ALL
    (SELECT rented_at, false FROM rental WHERE account = :account
      ORDER BY rented_at DESC LIMIT CAST(:recent AS integer))
    ORDER BY rented_at DESC LIMIT CAST(:recent AS integer)) last
