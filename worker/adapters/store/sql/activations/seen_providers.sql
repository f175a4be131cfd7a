-- Every provider that ever had a number, configured or not: one step of an index for each of them.
-- With all of them named, a reference is looked up in the index that begins with the provider.
WITH RECURSIVE seen AS (
    (SELECT provider FROM activation ORDER BY provider LIMIT 1)
    UNION ALL
    SELECT (SELECT a.provider FROM activation a WHERE a.provider > seen.provider
             ORDER BY a.provider LIMIT 1)
      FROM seen WHERE seen.provider IS NOT NULL
)
SELECT provider FROM seen WHERE provider IS NOT NULL
