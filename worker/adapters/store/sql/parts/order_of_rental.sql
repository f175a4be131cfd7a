-- The rental a case is about, as our own log has it.
-- What is promised and not paid out yet counts as given: nothing is promised twice.
WITH given AS (
    -- What a claim takes out of the balance was given before.
    SELECT c.kind, c.facts, c.opened_at, c.closed_at, d.facts AS asked,
           -- Of the part that was not used: not of an outage, and not by a right to the whole price.
           c.kind IN ('claim', 'rental_cancel') AND d.outcome <> 'refund_full'
             AND d.reason NOT IN ('cancelled_before_sms', 'renewal_cancelled', 'no_sms_on_record')
             AS unused,
           CASE c.state WHEN 'approved' THEN greatest(0, d.amount_minor - c.withheld_minor)
                        ELSE coalesce((SELECT t.amount_minor FROM transfer t
                                        WHERE t.key = 'claim:' || c.id), 0) END AS amount_minor
      FROM case_ c
      JOIN LATERAL (SELECT amount_minor, outcome, reason, facts FROM decision
                     WHERE subject = c.id AND op <> 'sla_tick' ORDER BY seq DESC LIMIT 1) d ON true
     WHERE c.rental_id = CAST(:id AS uuid) AND c.state IN ('granted', 'approved', 'paid')
),
-- From where to where each outage was credited. An SMS on the number was its end.
outage AS (
    SELECT greatest(r.rented_at, told.at) AS began, g.amount_minor,
           least(coalesce(CAST(g.asked ->> 'restored_at' AS timestamptz), g.closed_at), sms.at)
             AS ended
      FROM given g
      JOIN rental r ON r.id = CAST(:id AS uuid)
      JOIN LATERAL (SELECT greatest(CAST(g.facts ->> 'contacted_at' AS timestamptz),
                                    CAST(g.facts ->> 'unavailable_since' AS timestamptz)) AS at)
           told ON true
      LEFT JOIN LATERAL (SELECT CAST(g.asked ->> 'sms_received_at' AS timestamptz) AS at) sms
           ON sms.at >= told.at
     WHERE g.kind = 'rental_outage' AND g.amount_minor > 0
)
SELECT r.rented_at, r.ends_at AS deadline_at, r.price_minor, r.charge, r.service, r.order_ref, r.order_facts,
       true AS settled,
       coalesce((SELECT sum(amount_minor) FROM given), 0)::bigint AS credited_minor,
       coalesce((SELECT sum(amount_minor) FROM given WHERE kind = 'rental_outage'), 0)::bigint
         AS outages_minor,
       coalesce((SELECT jsonb_agg(jsonb_build_array(extract(epoch FROM began) * 1000000,
                                                    extract(epoch FROM ended) * 1000000,
                                                    amount_minor) ORDER BY began)
                   FROM outage), '[]') AS outages,
       -- From then on nothing can fail: all days were credited, or it was given back.
       least((SELECT min(CAST(coalesce(facts ->> 'blocked_at', facts ->> 'claim_at') AS timestamptz))
                FROM given WHERE kind = 'claim' AND facts ->> 'claim_kind' = 'operator_block'),
             CASE WHEN r.ended_at < r.ends_at THEN r.ended_at END) AS blocked_from,
       (SELECT min(coalesce(CAST(facts ->> 'blocked_at' AS timestamptz),
                            CAST(facts ->> 'stopped_found_at' AS timestamptz),
                            CAST(facts ->> 'claim_at' AS timestamptz), opened_at))
          FROM given WHERE unused) AS unused_from,
       coalesce((SELECT sum(amount_minor) FROM given WHERE unused), 0)::bigint AS unused_minor,
       CAST(NULL AS timestamptz) AS sms_received_at, CAST(NULL AS timestamptz) AS sms_displayed_at
  FROM rental r WHERE r.id = CAST(:id AS uuid)
