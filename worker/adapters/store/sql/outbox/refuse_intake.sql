-- Tell of numbers that were handed over and are not taken: once for each, however often its job runs.
INSERT INTO event (subject, type, account, at, payload, state)
SELECT subject, 'intake.refused', account, {{now}}, CAST(payload AS jsonb), :event_state
  FROM unnest(CAST(:subjects AS text[]), CAST(:accounts AS text[]), CAST(:payloads AS text[]))
       AS refused(subject, account, payload)
    ON CONFLICT (subject, type, number) DO NOTHING
RETURNING subject
