-- A case waits for a human: one open row says since when, about what sum and until when.
-- The reason for an open one may change with what is added; then it is another review.
WITH ended AS (
    UPDATE review SET closed_at = CAST(:now AS timestamptz)
     WHERE case_id = CAST(:id AS uuid) AND closed_at IS NULL
       AND (NOT CAST(:wanted AS boolean) OR reason <> :reason
            OR proposed_minor <> CAST(:proposed AS bigint)
            OR by_when IS DISTINCT FROM CAST(:by_when AS timestamptz))
    RETURNING number
),
opened AS (
    INSERT INTO review (case_id, number, opened_at, reason, clauses, proposed_minor, destination,
                        by_when)
    SELECT CAST(:id AS uuid),
           1 + coalesce((SELECT max(number) FROM review WHERE case_id = CAST(:id AS uuid)), 0),
           CAST(:now AS timestamptz), :reason, CAST(:clauses AS text[]), CAST(:proposed AS bigint),
           CAST(:destination AS text), CAST(:by_when AS timestamptz)
     WHERE CAST(:wanted AS boolean)
       AND (EXISTS (SELECT FROM ended)
            OR NOT EXISTS (SELECT FROM review WHERE case_id = CAST(:id AS uuid) AND closed_at IS NULL))
    RETURNING number, reason, proposed_minor, by_when
)
SELECT (SELECT max(number) FROM ended) AS ended, opened.number AS opened, opened.reason,
       opened.proposed_minor, opened.by_when
  FROM (SELECT) AS always LEFT JOIN opened ON true
