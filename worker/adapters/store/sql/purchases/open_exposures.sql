-- What a provider may still keep, one by one, the oldest first, and what would end each of them.
SELECT e.activation_id, a.provider_ref, e.amount_minor, e.currency, e.opened_at,
       CASE WHEN a.pursue_at IS NOT NULL THEN 'pursued'
            WHEN a.provider_ref IS NULL THEN 'purchase'
            WHEN a.provider_state = 'disputed' THEN 'disputed'
            WHEN a.provider_state = 'gone' THEN 'gone'
            ELSE 'late_code' END AS why
  FROM exposure e JOIN activation a ON a.id = e.activation_id
 WHERE e.provider = :provider AND e.state = 'open'
   AND e.opened_at <= now() - CAST(:older_than AS interval)
 ORDER BY e.opened_at, e.activation_id
 LIMIT :limit
