-- Cases that wait for a human, by kind: since when, and how many of them for longer than they may.
SELECT c.kind, count(*) AS waiting, {{now}} - min(r.opened_at) AS oldest,
       count(*) FILTER (WHERE r.by_when < {{now}}) AS late
  FROM review r JOIN case_ c ON c.id = r.case_id
 WHERE r.closed_at IS NULL
 GROUP BY c.kind
