-- What each provider last said it has of our money, and when: one step of an index for each.
WITH RECURSIVE seen AS (
    (SELECT provider FROM provider_reading ORDER BY provider LIMIT 1)
    UNION ALL
    SELECT (SELECT r.provider FROM provider_reading r WHERE r.provider > seen.provider
             ORDER BY r.provider LIMIT 1)
      FROM seen WHERE seen.provider IS NOT NULL
)
SELECT seen.provider, newest.balance_minor, newest.currency, newest.at
  FROM seen, LATERAL (
    SELECT balance_minor, currency, at FROM provider_reading
     WHERE provider = seen.provider ORDER BY id DESC LIMIT 1
  ) newest
