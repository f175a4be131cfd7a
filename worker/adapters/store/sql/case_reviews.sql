-- Everything that waits for a human, what has to be decided first first.
-- An activation in review proposes its own price: that is what is on hold.
SELECT r.case_id AS id, c.kind, c.account, c.subject, r.opened_at, r.reason, r.clauses,
       r.proposed_minor, acc.currency, r.destination, r.by_when, c.facts
  FROM review r JOIN case_ c ON c.id = r.case_id JOIN account acc ON acc.account = c.account
 WHERE r.closed_at IS NULL
UNION ALL
SELECT a.id, 'activation', a.account, a.id::text, t.at, coalesce(t.detail ->> 'reason', 'unknown'),
       CAST('{}' AS text[]), a.price_minor, a.currency, 'balance', CAST(NULL AS timestamptz),
       jsonb_build_object('provider', a.provider, 'provider_state', a.provider_state,
                          'service', a.service, 'country', a.country, 'policy', a.policy)
  FROM activation a
  JOIN LATERAL (SELECT at, detail FROM transition
                 WHERE activation_id = a.id AND what = 'in_review' ORDER BY seq DESC LIMIT 1) t
    ON true
 WHERE NOT a.settled AND a.state = 'in_review'
 ORDER BY by_when NULLS LAST, opened_at, id
 LIMIT :limit
