-- Every service that was ever rented: one step of an index for each of them.
-- With all of them named, a country is looked up in the index that begins with the service.
WITH RECURSIVE seen AS (
    (SELECT service FROM activation ORDER BY service LIMIT 1)
    UNION ALL
    SELECT (SELECT a.service FROM activation a WHERE a.service > seen.service
             ORDER BY a.service LIMIT 1)
      FROM seen WHERE seen.service IS NOT NULL
)
SELECT service FROM seen WHERE service IS NOT NULL
