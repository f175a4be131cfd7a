-- Tell the outside what became of a case, in the transaction that made it so.
INSERT INTO event (subject, type, number, activation_id, account, at, payload, state)
SELECT :subject, :type,
       1 + coalesce((SELECT max(number) FROM event WHERE subject = :subject AND type = :type), 0),
       CAST(:activation AS uuid), :account, CAST(:now AS timestamptz), CAST(:payload AS jsonb),
       :event_state
