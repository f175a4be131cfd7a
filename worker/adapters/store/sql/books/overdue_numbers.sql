-- Live numbers per provider, those past deadline and grace, and the oldest deadline among all live.
-- Index scans over live rows only: `ending_at` is never later than the instant after the deadline.
-- A number in review waits for a human, not for us: it has no ending, and is counted by that, from
-- its deadline on.
WITH counted AS MATERIALIZED (
    SELECT at_provider AS provider, count(*) AS live FROM live GROUP BY at_provider
)
SELECT counted.provider, counted.live, late.overdue, late.oldest_deadline, review.in_review,
       review.oldest_review, review.late AS reviews_late,
       {{now}} AS now
  FROM counted,
  LATERAL (
    SELECT count(*) FILTER (WHERE deadline_at < {{now}}
                                                  - CAST(:grace AS interval)) AS overdue,
           min(deadline_at) AS oldest_deadline
      FROM activation
     WHERE id = ANY(ARRAY(SELECT live.id FROM live
                           WHERE at_provider = counted.provider AND ends_at <= {{now}}))
       AND NOT settled AND state <> 'in_review'
       AND deadline_at < {{now}}
  ) late,
  LATERAL (
    SELECT count(*) AS in_review, min(deadline_at) AS oldest_review,
           -- Its policy counts the date, and the timer rings after it.
           count(*) FILTER (WHERE EXISTS (SELECT FROM timer t
                                           WHERE t.kind = 'review_late' AND t.subject = activation.id
                                             AND t.fired_at IS NOT NULL)) AS late
      FROM activation
     WHERE id = ANY(ARRAY(SELECT live.id FROM live
                           WHERE at_provider = counted.provider AND ends_at = 'infinity'))
       AND NOT settled AND state = 'in_review'
  ) review
