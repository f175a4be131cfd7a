-- Numbers without an ending at one provider, by service and country. An index scan over live rows.
SELECT service, country, count(*) AS live
  FROM activation
 WHERE id = ANY(ARRAY(SELECT live.id FROM live WHERE at_provider = :provider)) AND NOT settled
 GROUP BY service, country
