-- Those of the named exposures that are not open, whoever ended them.
SELECT activation_id, amount_minor, currency, state FROM exposure
 WHERE provider = :provider AND activation_id = ANY(CAST(:ids AS uuid[])) AND state <> 'open'
 ORDER BY opened_at, activation_id
