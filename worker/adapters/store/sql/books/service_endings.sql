-- What became of the numbers rented yesterday and today (UTC, the days that figures are kept by), by
-- provider and service. Of each provider the `:most` services with the most: of others the sum.
WITH counted AS (
    SELECT provider, service, sum(delivered) AS delivered, sum(refunded) AS refunded,
           sum(closed) AS closed,
           row_number() OVER (PARTITION BY provider
                                  ORDER BY sum(delivered + refunded + closed) DESC, service) AS place
      FROM provider_figure
     WHERE since >= date_trunc('day', {{now}}, 'UTC') - interval '1 day' AND service <> ''
     GROUP BY provider, service
)
SELECT provider, CASE WHEN place <= :most THEN service ELSE :others END AS service,
       sum(delivered)::bigint AS delivered, sum(refunded)::bigint AS refunded,
       sum(closed)::bigint AS closed
  FROM counted
 GROUP BY 1, 2
