-- The rental a case is about, locked against other cases about it.
SELECT r.id, r.rented_at, r.ends_at AS deadline_at, r.price_minor, r.charge, r.service,
       true AS settled, r.account, r.policy, r.policy_version, r.currency,
       coalesce((SELECT sum(t.amount_minor) FROM transfer t JOIN case_ c ON c.rental_id = r.id
                  WHERE t.key = 'claim:' || c.id), 0)::bigint AS credited_minor,
       CAST(NULL AS timestamptz) AS sms_received_at, CAST(NULL AS timestamptz) AS sms_displayed_at
  FROM rental r WHERE r.id = CAST(:id AS uuid)
   FOR NO KEY UPDATE OF r
