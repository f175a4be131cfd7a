-- The rental a case is about, as our own log has it.
-- What is promised and not paid out yet counts as given: nothing is promised twice.
WITH given AS (
    -- What a claim takes out of the balance was given before.
    SELECT c.kind, c.facts, c.opened_at, c.closed_at,
           CASE c.state WHEN 'approved' THEN greatest(0, d.amount_minor - c.withheld_minor)
                        ELSE coalesce((SELECT t.amount_minor FROM transfer t
                                        WHERE t.key = 'claim:' || c.id), 0) END AS amount_minor
      FROM case_ c
      JOIN LATERAL (SELECT amount_minor FROM decision
                     WHERE subject = c.id AND op <> 'sla_tick' ORDER BY seq DESC LIMIT 1) d ON true
     WHERE c.rental_id = CAST(:id AS uuid) AND c.state IN ('granted', 'approved', 'paid')
)
SELECT r.rented_at, r.ends_at AS deadline_at, r.price_minor, r.charge, r.service, r.order_ref, r.order_facts,
       true AS settled,
       coalesce((SELECT sum(amount_minor) FROM given), 0)::bigint AS credited_minor,
       coalesce((SELECT sum(amount_minor) FROM given WHERE kind = 'rental_outage'), 0)::bigint
         AS outages_minor,
       (SELECT max(coalesce(CAST(facts ->> 'restored_at' AS timestamptz), closed_at))
          FROM given WHERE kind = 'rental_outage') AS covered_until,
       (SELECT min(CAST(coalesce(facts ->> 'blocked_at', facts ->> 'claim_at') AS timestamptz))
          FROM given WHERE kind = 'claim' AND facts ->> 'claim_kind' = 'operator_block')
         AS blocked_from,
       CAST(NULL AS timestamptz) AS sms_received_at, CAST(NULL AS timestamptz) AS sms_displayed_at
  FROM rental r WHERE r.id = CAST(:id AS uuid)
