-- An account's orders since an instant, newest first, each by itself: what it cost, and what of it a
-- limit counts.
SELECT a.rented_at AS at, a.price_minor, a.state, a.reason,
       CASE WHEN a.reason = 'cancel' THEN least(a.ending_at, s.at) END AS pressed_at,
       s.at AS settled_at, s.reason AS settled_for
  FROM activation a
  LEFT JOIN settlement s ON s.activation_id = a.id
 WHERE a.account = :account AND a.rented_at > CAST(:since AS timestamptz)
UNION ALL
SELECT r.rented_at, r.price_minor, 'delivered', NULL, NULL, r.booked_at, NULL
  FROM rental r
 WHERE r.account = :account AND r.rented_at > CAST(:since AS timestamptz)
 ORDER BY at DESC LIMIT :limit
