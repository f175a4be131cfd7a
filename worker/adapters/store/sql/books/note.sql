-- What staff wants remembered of an account; the same again by the same person is the same note.
INSERT INTO account_note (account, at, note, by)
SELECT :account, {{now}}, :note, CAST(:by AS text)
 WHERE NOT EXISTS (SELECT FROM account_note
                    WHERE account = :account AND note = :note AND by IS NOT DISTINCT FROM CAST(:by AS text))
