-- Settled numbers of a policy with what their endings rest on, so that each can be decided again.
--
-- A purchase without a number is left out: how it ends is no decision of a policy. The orders before
-- a press of Cancel are those that its share was counted of; most policies ask for none.
SELECT s.activation_id AS id, s.at, s.outcome, s.reason AS settled_for, a.account, a.currency,
       a.price_minor, a.service, a.country, coalesce(a.order_facts, '{}') AS order_facts,
       a.policy_version, a.rented_at AS purchased_at, a.deadline_at AS ends_at,
       a.reason AS ended_for, p.displayed_at AS sms_displayed_at, p.pressed_at,
       (SELECT min(c.received_at) FROM code c
         WHERE c.activation_id = a.id AND c.received_at <= s.at) AS sms_received_at,
       ARRAY(SELECT o.cancelled FROM (
                 (SELECT e.rented_at,
                         -- Pressed before: of the number itself it is the same instant.
                         e.reason = 'cancel' AND e.state IN ('expiring', 'refunded')
                           AND e.ending_at < p.pressed_at IS TRUE AS cancelled
                    FROM activation e
                   WHERE e.account = a.account AND e.rented_at <= p.pressed_at
                     AND e.provider_ref IS NOT NULL
                   ORDER BY e.rented_at DESC LIMIT CAST(:recent AS integer))
                 UNION ALL
                 (SELECT r.rented_at, false FROM rental r
                   WHERE r.account = a.account AND r.rented_at <= p.pressed_at
                   ORDER BY r.rented_at DESC LIMIT CAST(:recent AS integer))) o
              ORDER BY o.rented_at DESC LIMIT CAST(:recent AS integer)) AS recent_cancels
  FROM settlement s
  JOIN activation a ON a.id = s.activation_id
 CROSS JOIN LATERAL (SELECT min(t.at) FILTER (WHERE t.what = 'code') AS displayed_at,
                            min(t.at) FILTER (WHERE t.what = 'expiring'
                                                AND t.detail ->> 'reason' = 'cancel') AS pressed_at
                       FROM transition t WHERE t.activation_id = a.id) p
 WHERE (s.at, s.activation_id) > (CAST(:at AS timestamptz), CAST(:id AS uuid))
   AND (s.at, s.activation_id) <= (CAST(:to_at AS timestamptz), CAST(:to_id AS uuid))
   AND a.policy = :policy AND a.provider_ref IS NOT NULL
   -- What its ending rested on was dropped with its books.
   AND NOT EXISTS (SELECT FROM dropped_number d WHERE d.activation_id = a.id)
 ORDER BY s.at, s.activation_id
