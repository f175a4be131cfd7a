-- Nothing definite was learnt: due again later. An answer to an older attempt changes nothing.
-- Pursued are settled numbers and those in review: whoever waits for what, the provider is owed.
-- Locked in id order, like all that changes many: a deadlock costs a second, and one side its work.
WITH asked AS (
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:epochs AS integer[]),
                         CAST(:delays AS interval[]), CAST(:too_early AS boolean[]),
                         CAST(:unknown_reads AS integer[]))
                  AS t(id, epoch, delay, too_early, unknown_reads)
),
locked AS MATERIALIZED (
    SELECT a.id FROM activation a JOIN asked USING (id)
     WHERE a.epoch = asked.epoch
     ORDER BY a.id FOR NO KEY UPDATE OF a
)
UPDATE activation a
   SET lease_until = CASE WHEN a.pursue_at IS NOT NULL THEN a.lease_until
                          ELSE {{now}} + asked.delay END,
       pursue_at = CASE WHEN a.pursue_at IS NOT NULL
                        THEN {{now}} + asked.delay END,
       cancel_not_before = CASE WHEN asked.too_early
                                THEN {{now}} + asked.delay
                                ELSE a.cancel_not_before END,
       unknown_reads = asked.unknown_reads,
       leased_by = NULL
  FROM asked JOIN locked USING (id)
 WHERE a.id = asked.id AND a.epoch = asked.epoch
   AND (a.pursue_at IS NOT NULL OR a.state = 'expiring')
