-- Nothing definite was learnt: due again later. An answer to an older attempt changes nothing.
-- Pursued are settled numbers and those in review: whoever waits for what, the provider is owed.
-- Locked in id order, like all that changes many: a deadlock costs a second, and one side its work.
-- The first answer that did not cancel a number whose Cancel was pressed is kept: a claim may rest
-- on it. The ones that follow while the provider stays away would only fill the log.
WITH asked AS (
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:epochs AS integer[]),
                         CAST(:delays AS interval[]), CAST(:too_early AS boolean[]),
                         CAST(:unknown_reads AS integer[]), CAST(:answers AS text[]))
                  AS t(id, epoch, delay, too_early, unknown_reads, answer)
),
locked AS MATERIALIZED (
    SELECT a.id FROM activation a JOIN asked USING (id)
     WHERE a.epoch = asked.epoch
     ORDER BY a.id FOR NO KEY UPDATE OF a
),
postponed AS (
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
    RETURNING a.id, asked.answer,
              CASE WHEN asked.too_early THEN 'cancel_early' ELSE 'cancel_failed' END AS what,
              a.state = 'expiring' AND a.reason = 'cancel' AS pressed
)
INSERT INTO transition (activation_id, at, what, state, detail)
SELECT p.id, {{now}}, p.what, 'expiring', jsonb_build_object('answer', p.answer)
  FROM postponed p
 WHERE p.pressed AND p.answer IS NOT NULL
   AND NOT EXISTS (SELECT FROM transition t WHERE t.activation_id = p.id AND t.what = p.what)
