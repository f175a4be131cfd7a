-- A number that waits for a human is a review, and his word ends it: both are told with the ending.
-- His word stands in the timeline, in his name. The date by which it is due hangs on the policy, so
-- its timer rings at once, and is set to that date then.
WITH reviewed AS (
    SELECT a.id, a.account, a.state, a.price_minor, a.currency, a.order_ref, t.reason, t.note, t.by
      FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[]), CAST(:notes AS text[]),
                  CAST(:bys AS text[])) AS t(id, reason, note, by)
      JOIN activation a USING (id)
),
told AS (
    INSERT INTO event (subject, type, activation_id, account, at, payload, state)
    SELECT id::text, CASE state WHEN 'in_review' THEN 'review.opened' ELSE 'review.decided' END,
           id, account, {{now}},
           jsonb_build_object('id', id, 'case', NULL, 'kind', 'activation', 'subject', id,
                              'activation', id, 'account', account, 'currency', currency)
             || CASE state
                WHEN 'in_review' THEN jsonb_build_object('reason', reason, 'by_when', NULL,
                                                         'proposed_minor', price_minor)
                ELSE jsonb_build_object('state', state, 'by_verdict', true) END
             || {{order_ref_told}},
           :event_state
      FROM reviewed
),
logged AS (
    INSERT INTO transition (activation_id, at, what, state, detail)
    SELECT id, {{now}}, 'verdict', state,
           jsonb_strip_nulls(jsonb_build_object('note', note, 'by', by))
      FROM reviewed WHERE state <> 'in_review'
)
INSERT INTO timer (kind, subject, due_at)
SELECT 'review_late', id, {{now}} FROM reviewed WHERE state = 'in_review'
    ON CONFLICT (kind, subject) DO NOTHING
