-- The reading that the next one is held against, and whether its span has become long.
SELECT *, counted_from < now() - interval '4 days' AS long
  FROM provider_reading WHERE provider = :provider ORDER BY id DESC LIMIT 1
