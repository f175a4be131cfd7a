-- A flag that a human found about an account, by each case once: one of them may take it back.
INSERT INTO account_finding (account, flag, found_at, by, case_id)
SELECT :account, :flag, CAST(:now AS timestamptz), CAST(:by AS text), CAST(:id AS uuid)
 WHERE NOT EXISTS (SELECT FROM account_finding
                    WHERE account = :account AND flag = :flag AND case_id = CAST(:id AS uuid)
                      AND ended_at IS NULL)
