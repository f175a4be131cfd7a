-- Flags that a case found about an account end; what another case found goes on.
UPDATE account_finding SET ended_at = CAST(:now AS timestamptz)
 WHERE account = :account AND case_id = CAST(:id AS uuid) AND ended_at IS NULL
   AND flag = ANY(CAST(:flags AS text[]))
