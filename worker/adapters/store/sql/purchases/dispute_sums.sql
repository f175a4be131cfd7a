-- How many numbers are disputed with a provider and how much money, by currency.
SELECT currency, count(*) AS numbers, sum(amount_minor)::bigint AS minor
  FROM provider_dispute WHERE provider = :provider AND ended_at IS NULL
 GROUP BY currency ORDER BY currency
