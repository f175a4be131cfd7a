-- What cases gave an account since an instant, with the kind of each claim, newest first.
SELECT c.kind, c.facts ->> 'claim_kind' AS claim_kind, d.at, d.amount_minor
  FROM case_ c
  JOIN LATERAL (SELECT at, amount_minor, reason FROM decision
                 WHERE subject = c.id AND op <> 'sla_tick' ORDER BY seq DESC LIMIT 1) d ON true
 WHERE c.account = :account AND c.state IN ('granted', 'approved', 'paid')
   AND c.id IS DISTINCT FROM CAST(:case_id AS uuid)
   AND d.at > CAST(:since AS timestamptz)
   -- An early end is not what limits of Cancel count.
   AND (c.kind <> 'rental_cancel' OR d.reason IN ('cancelled_before_sms', 'renewal_cancelled'))
 ORDER BY d.at DESC LIMIT :limit
