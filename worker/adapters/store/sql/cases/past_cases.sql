-- The cases of a policy, each with its newest decision and all that it rests on. One that the
-- customer took back is left out: nobody decided how it ended.
SELECT c.id, c.opened_at AS at, c.kind, acc.currency, d.policy_version, d.op, d.facts,
       d.at AS decided_at, d.outcome, d.reason, d.amount_minor, d.by = 'verdict' AS by_human,
       a.rented_at AS purchased_at, a.deadline_at AS ends_at
  FROM case_ c
  JOIN account acc ON acc.account = c.account
  JOIN LATERAL (SELECT * FROM decision
                 WHERE subject = c.id AND op <> 'sla_tick' ORDER BY seq DESC LIMIT 1) d ON true
  LEFT JOIN activation a ON a.id = c.activation_id
 WHERE (c.opened_at, c.id) > (CAST(:at AS timestamptz), CAST(:id AS uuid))
   AND (c.opened_at, c.id) <= (CAST(:to_at AS timestamptz), CAST(:to_id AS uuid))
   AND c.policy = :policy AND c.state <> 'cancelled'
 ORDER BY c.opened_at, c.id
