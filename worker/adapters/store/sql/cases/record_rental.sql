-- What our books know about one long rental, for a case about it.
--
-- Its SMS are those that its provider has listed: each was shown when it was first read. An outage
-- asks for the first of them from its start on, and from when it was told, all others for the last. Money that a case gave counts
-- as decided, also while it is approved and not paid out yet. What an outage or an unused part gave back has the
-- instant from which on the time was refunded: the block or stop that a human found, else the
-- contact. The days of an outage and an unused part are two losses: only the latter is taken off one.
-- Without a failed attempt on record, only a human can say whether a rental was provided.
WITH given AS (
    -- What a payout cost its customer has left the order as well.
    SELECT c.id, d.at, d.amount_minor, d.amount_minor + d.fee_minor AS gross_minor,
           d.destination, d.reason,
           d.reason = 'renewal_cancelled' AS renewal,
           c.kind = 'rental_outage' AS outage,
           -- A payout does not say of what it is: of a rental it is the unused part, save where
           -- its price was due.
           d.outcome = 'prorated_credit' OR d.reason = ANY(CAST(:time_back AS text[]))
             OR d.outcome = 'payout' AND d.reason <> 'no_sms_on_record' AS time_back,
           greatest(r.rented_at,
                    coalesce(CAST(c.facts ->> 'blocked_at' AS timestamptz),
                             CAST(c.facts ->> 'stopped_found_at' AS timestamptz),
                             greatest(CAST(c.facts ->> 'contacted_at' AS timestamptz),
                                      CAST(c.facts ->> 'unavailable_since' AS timestamptz)),
                             CAST(c.facts ->> 'claim_at' AS timestamptz),
                             c.opened_at)) AS refunded_from
      FROM case_ c
      JOIN rental r ON r.id = c.rental_id
      JOIN LATERAL (SELECT at, amount_minor, fee_minor, destination, outcome, reason FROM decision
                     WHERE subject = c.id AND op <> 'sla_tick' ORDER BY seq DESC LIMIT 1) d ON true
     WHERE c.rental_id = CAST(:id AS uuid) AND c.id IS DISTINCT FROM CAST(:case_id AS uuid)
       AND c.state IN ('granted', 'approved', 'paid')
)
SELECT r.id, true AS rental, r.account, r.provider, r.policy, r.policy_version,
       r.rented_at AS purchased_at, r.ends_at,
       -- A renewal that was given back was never paid for.
       r.price_minor - coalesce((SELECT sum(amount_minor) FROM given WHERE renewal), 0)::bigint
         AS price_minor, r.currency, r.charge,
       r.service, r.country, r.order_ref, r.order_facts, true AS settled, r.ended_at AS settled_at,
       CAST(NULL AS boolean) AS allocation_failed,
       (SELECT CASE WHEN CAST(:outage_since AS timestamptz) IS NULL
                    THEN max(coalesce(m.received_at, m.seen_at))
                    ELSE min(coalesce(m.received_at, m.seen_at)) FILTER (
                             WHERE coalesce(m.received_at, m.seen_at)
                                   >= CAST(:outage_since AS timestamptz)) END
          FROM rental_message m WHERE m.rental_id = r.id) AS sms_received_at,
       (SELECT min(coalesce(m.received_at, m.seen_at)) FROM rental_message m
         WHERE m.rental_id = r.id AND coalesce(m.received_at, m.seen_at)
               >= greatest(CAST(:outage_since AS timestamptz), CAST(:told_at AS timestamptz)))
         AS sms_after_arrival_at,
       (SELECT max(m.seen_at) FROM rental_message m WHERE m.rental_id = r.id) AS sms_displayed_at,
       r.renewed_at, coalesce(r.renewal_price_minor, 0)::bigint AS renewal_price_minor,
       coalesce((SELECT sum(amount_minor) FROM given WHERE at >= r.renewed_at), 0)::bigint
         AS renewal_credited_minor,
       CAST(NULL AS timestamptz) AS cancel_attempt_at, CAST(NULL AS boolean) AS cancel_failed,
       coalesce((SELECT sum(amount_minor) FROM given WHERE destination = 'balance' AND NOT renewal),
                0)::bigint AS credited_minor,
       coalesce((SELECT sum(gross_minor) FROM given WHERE destination <> 'balance'), 0)::bigint
         AS paid_out_minor,
       -- It is a part of these two, so of a payout its fee as well: else the fee came back as days.
       coalesce((SELECT sum(CASE destination WHEN 'balance' THEN amount_minor ELSE gross_minor END)
                   FROM given WHERE time_back AND NOT outage), 0)::bigint
         AS unused_returned_minor,
       (SELECT min(refunded_from) FROM given WHERE time_back) AS first_refund_from,
       (SELECT min(linked_at) FROM replacement x WHERE x.replaced = r.id) AS replacement_linked_at,
       NOT EXISTS (SELECT FROM rental e WHERE e.account = r.account
                      AND (e.rented_at, e.id) < (r.rented_at, r.id))
         AND NOT EXISTS (SELECT FROM activation e WHERE e.account = r.account
                            AND e.rented_at < r.rented_at
                            AND NOT (e.settled AND e.provider_ref IS NULL)) AS first_purchase,
       false AS books_dropped,
       EXISTS (SELECT FROM case_ c WHERE c.rental_id = r.id AND c.id IS DISTINCT FROM CAST(:case_id AS uuid)
                  AND c.facts -> 'restrictions_ignored' = 'true') AS restrictions_found,
       (SELECT min(t.id) FROM transfer t
         WHERE t.account = r.account AND t.destination = 'available:' || r.account
           AND t.key IN (SELECT 'claim:' || given.id FROM given)) AS credited_by
  FROM rental r WHERE r.id = CAST(:id AS uuid)
