-- A press that the policy refused is kept with its reason, the first one of each: no limit and no
-- claim rests on it.
INSERT INTO transition (activation_id, at, what, state, detail)
SELECT CAST(:id AS uuid), CAST(:now AS timestamptz), 'cancel_refused', :state,
       jsonb_build_object('why', CAST(:why AS text))
 WHERE NOT EXISTS (SELECT FROM transition
                    WHERE activation_id = CAST(:id AS uuid) AND what = 'cancel_refused'
                      AND detail ->> 'why' = CAST(:why AS text))
