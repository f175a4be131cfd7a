-- Live numbers per provider, those past deadline and grace, and the oldest deadline among all live.
-- Index scans over live rows only: `ending_at` is never later than the instant after the deadline.
-- A number in review waits for a human, not for us: it is counted apart.
WITH live AS MATERIALIZED (
    SELECT provider, count(*) AS live FROM activation WHERE NOT settled GROUP BY provider
)
SELECT live.provider, live.live, late.overdue, late.oldest_deadline, late.in_review,
       late.oldest_review,
       {{now}} AS now
  FROM live, LATERAL (
    SELECT count(*) FILTER (WHERE state <> 'in_review'
                              AND deadline_at < {{now}} - CAST(:grace AS interval)) AS overdue,
           min(deadline_at) FILTER (WHERE state <> 'in_review'
                                      AND deadline_at < {{now}}) AS oldest_deadline,
           count(*) FILTER (WHERE state = 'in_review') AS in_review,
           min(ending_at) FILTER (WHERE state = 'in_review') AS oldest_review
      FROM activation
     WHERE provider = live.provider AND NOT settled AND ending_at <= {{now}}
  ) late
