-- A flag that a human found about an account; one that stands is not found again.
INSERT INTO account_finding (account, flag, found_at, by, case_id)
SELECT :account, :flag, CAST(:now AS timestamptz), CAST(:by AS text), CAST(:id AS uuid)
 WHERE NOT EXISTS (SELECT FROM account_finding
                    WHERE account = :account AND flag = :flag AND ended_at IS NULL)
