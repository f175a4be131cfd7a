-- Numbers without an ending at one provider, by service and country. An index scan over live rows.
SELECT service, country, count(*) AS live
  FROM activation WHERE provider = :provider AND NOT settled
 GROUP BY service, country
