-- When a claim about an activation was first made.
-- One that still lacks something when the window ends counts as silence; so does one denied.
SELECT min(CAST(facts ->> 'claim_at' AS timestamptz)) FROM case_
 WHERE activation_id = :id AND kind = 'claim' AND state NOT IN ('denied', 'needs_evidence')
