-- A press that the policy refused is kept with its reason; no limit and no claim rests on it.
INSERT INTO transition (activation_id, at, what, state, detail)
VALUES (CAST(:id AS uuid), CAST(:now AS timestamptz), 'cancel_refused', :state,
        jsonb_build_object('why', CAST(:why AS text)))
