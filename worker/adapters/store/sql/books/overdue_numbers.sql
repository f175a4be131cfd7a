-- Live numbers per provider, those past deadline and grace, and the oldest deadline among all live.
-- Index scans over live rows only: `ending_at` is never later than the instant after the deadline.
-- A number in review waits for a human, not for us: it has no ending, and is counted by that, from
-- its deadline on.
WITH live AS MATERIALIZED (
    SELECT provider, count(*) AS live FROM activation WHERE NOT settled GROUP BY provider
)
SELECT live.provider, live.live, late.overdue, late.oldest_deadline, review.in_review,
       review.oldest_review, review.late AS reviews_late,
       {{now}} AS now
  FROM live,
  LATERAL (
    SELECT count(*) FILTER (WHERE deadline_at < {{now}}
                                                  - CAST(:grace AS interval)) AS overdue,
           min(deadline_at) AS oldest_deadline
      FROM activation
     WHERE provider = live.provider AND NOT settled AND state <> 'in_review'
       AND ending_at <= {{now}}
       AND deadline_at < {{now}}
  ) late,
  LATERAL (
    SELECT count(*) AS in_review, min(deadline_at) AS oldest_review,
           -- Its policy counts the date, and the timer rings after it.
           count(*) FILTER (WHERE EXISTS (SELECT FROM timer t
                                           WHERE t.kind = 'review_late' AND t.subject = activation.id
                                             AND t.fired_at IS NOT NULL)) AS late
      FROM activation
     WHERE provider = live.provider AND NOT settled AND ending_at = 'infinity'
       AND state = 'in_review'
  ) review
