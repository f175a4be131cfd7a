-- What our log knows about one number and its order, for a case about it.
--
-- A code counts as shown by the line the transition log has of it: its text is deleted early. Money
-- that a case gave counts as it was decided, also while it is approved and not paid out yet: nothing
-- is promised twice.
WITH given AS (
    -- What a payout cost its customer has left the order as well.
    SELECT d.amount_minor, d.amount_minor + d.fee_minor AS gross_minor, d.destination, d.outcome,
           d.reason
      FROM case_ c
      JOIN LATERAL (SELECT amount_minor, fee_minor, destination, outcome, reason FROM decision
                     WHERE subject = c.id AND op <> 'sla_tick' ORDER BY seq DESC LIMIT 1) d ON true
     WHERE c.activation_id = CAST(:id AS uuid) AND c.id IS DISTINCT FROM CAST(:case_id AS uuid)
       AND c.state IN ('granted', 'approved', 'paid')
),
presses AS (
    SELECT min(at) FILTER (WHERE what = 'cancel_pressed' OR what = 'expiring'
                                                            AND detail ->> 'reason' = 'cancel')
             AS pressed_at,
           min(at) FILTER (WHERE what = 'cancel_failed') AS failed_at,
           min(at) FILTER (WHERE what = 'code') AS displayed_at,
           min(detail ->> 'provider_state') FILTER (WHERE what = 'settled') AS settled_as
      FROM timeline WHERE activation_id = CAST(:id AS uuid)
)
SELECT a.id, false AS rental, a.account, a.provider, a.policy, a.policy_version,
       a.rented_at AS purchased_at, a.deadline_at AS ends_at, a.price_minor, a.currency, a.charge,
       a.service, a.country, a.order_ref, a.order_facts, a.settled, s.at AS settled_at,
       CASE WHEN s.reason = 'never_provided' THEN true
            WHEN a.provider_ref IS NOT NULL THEN false
            -- Proven unsold: its customer has the price back already, or its policy closed it when
            -- it still decided that.
            WHEN EXISTS (SELECT FROM purchase o WHERE o.id = a.id AND o.unsold_at IS NOT NULL)
            THEN true END AS allocation_failed,
       (SELECT min(c.received_at) FROM code c WHERE c.activation_id = a.id) AS sms_received_at,
       -- Of a number whose books were dropped its codes tell it.
       coalesce(p.displayed_at, (SELECT min(c.received_at) FROM code c
                                  WHERE c.activation_id = a.id AND c.code IS NOT NULL))
         AS sms_displayed_at,
       p.pressed_at AS cancel_attempt_at,
       -- A press failed where the provider said so, or did not cancel by the time it was settled.
       CASE WHEN p.pressed_at IS NULL THEN NULL
            WHEN p.failed_at IS NOT NULL THEN true
            WHEN s.outcome <> 'delivered' THEN p.settled_as IN ('open', 'cancelling', 'charged')
       END AS cancel_failed,
       CASE a.state WHEN 'refunded' THEN a.price_minor ELSE 0 END
         + coalesce((SELECT sum(amount_minor) FROM given WHERE destination = 'balance'), 0)::bigint
         AS credited_minor,
       coalesce((SELECT sum(gross_minor) FROM given WHERE destination <> 'balance'), 0)::bigint
         AS paid_out_minor,
       CAST(NULL AS timestamptz) AS renewed_at, 0::bigint AS renewal_price_minor,
       0::bigint AS renewal_credited_minor,
       0::bigint AS unused_returned_minor, CAST(NULL AS timestamptz) AS first_refund_from,
       CAST(NULL AS timestamptz) AS sms_after_arrival_at,
       (SELECT min(linked_at) FROM replacement r WHERE r.replaced = a.id) AS replacement_linked_at,
       NOT EXISTS (SELECT FROM activation e WHERE e.account = a.account
                      AND (e.rented_at, e.id) < (a.rented_at, a.id)
                      AND NOT (e.settled AND e.provider_ref IS NULL))
         AND NOT EXISTS (SELECT FROM rental e WHERE e.account = a.account
                            AND e.rented_at < a.rented_at) AS first_purchase,
       EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = a.id) AS books_dropped,
       EXISTS (SELECT FROM case_ c WHERE c.activation_id = a.id AND c.id IS DISTINCT FROM CAST(:case_id AS uuid)
                  AND c.facts -> 'restrictions_ignored' = 'true') AS restrictions_found,
       -- From where on the account's entries may have spent what was credited.
       (SELECT min(t.id) FROM transfer t
         WHERE t.account = a.account AND t.destination = 'available:' || a.account
           AND (t.key = 'release:' || a.id
                OR t.activation_id = a.id AND t.source = 'house:revenue')) AS credited_by
  FROM activation a CROSS JOIN presses p LEFT JOIN settlement s ON s.activation_id = a.id
 WHERE a.id = CAST(:id AS uuid)
