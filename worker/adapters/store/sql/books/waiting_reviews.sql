-- Cases and orders of long rentals that wait for a human, by kind: since when, and how many of them for longer than they may.
SELECT c.kind, count(*) AS waiting, {{now}} - min(r.opened_at) AS oldest,
       count(*) FILTER (WHERE coalesce(r.by_when, o.by_when) < {{now}}) AS late
  FROM review r JOIN case_ c ON c.id = r.case_id
  -- Where the policy names no date, it is owed by one all the same.
  LEFT JOIN obligation o ON o.case_id = c.id AND o.what = 'review' AND o.ended_at IS NULL
 WHERE r.closed_at IS NULL
 GROUP BY c.kind
UNION ALL
SELECT 'rental_order', count(*), {{now}} - min(doubted_at),
       count(*) FILTER (WHERE decide_by < {{now}})
  FROM rental_order WHERE ended_at IS NULL AND state = 'unknown' HAVING count(*) > 0
