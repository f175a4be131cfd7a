-- What staff wants remembered of a case stands with what was told in it; the same again is the same.
INSERT INTO evidence (case_id, at, what, content, by)
SELECT CAST(:id AS uuid), {{now}}, 'note', CAST(:content AS jsonb), CAST(:by AS text)
 WHERE NOT EXISTS (SELECT FROM evidence
                    WHERE case_id = CAST(:id AS uuid) AND what = 'note'
                      AND content = CAST(:content AS jsonb) AND by IS NOT DISTINCT FROM CAST(:by AS text))
