-- No code, transition, event or exposure tells of an activation that does not exist.
SELECT DISTINCT r.activation_id::text AS offender
  FROM (SELECT activation_id FROM code
        UNION ALL SELECT activation_id FROM transition
        UNION ALL SELECT activation_id FROM event WHERE activation_id IS NOT NULL
        UNION ALL SELECT activation_id FROM exposure
        UNION ALL SELECT activation_id FROM provider_dispute) r
 WHERE NOT EXISTS (SELECT FROM activation a WHERE a.id = r.activation_id)
