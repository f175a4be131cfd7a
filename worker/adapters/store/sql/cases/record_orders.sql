-- An account's orders since an instant, newest first: what each cost, what became of it, and what
-- came back. Purchases, activations and what limits count are read from these rows.
SELECT a.rented_at AS at, a.price_minor, false AS rental, a.charge, a.state, a.reason,
       a.provider_ref IS NOT NULL AS allotted,
       CASE WHEN a.reason = 'cancel' THEN least(a.ending_at, s.at) END AS pressed_at,
       s.at AS settled_at, s.reason AS settled_for,
       CASE a.state WHEN 'refunded' THEN a.price_minor ELSE coalesce(back.minor, 0) END::bigint
         AS back_minor
  FROM activation a
  LEFT JOIN settlement s ON s.activation_id = a.id
  LEFT JOIN LATERAL (SELECT sum(t.amount_minor) AS minor FROM transfer t
                      WHERE t.activation_id = a.id AND t.source = 'house:revenue') back ON true
 WHERE a.account = :account AND a.rented_at > CAST(:since AS timestamptz)
UNION ALL
SELECT r.rented_at, r.price_minor, true, r.charge, 'delivered', NULL, true, NULL, r.booked_at, NULL,
       coalesce((SELECT sum(t.amount_minor) FROM case_ c JOIN transfer t ON t.key = 'claim:' || c.id
                  WHERE c.rental_id = r.id), 0)::bigint
  FROM rental r
 WHERE r.account = :account AND r.rented_at > CAST(:since AS timestamptz)
 ORDER BY at DESC LIMIT :limit
