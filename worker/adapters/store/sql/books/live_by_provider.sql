-- Numbers without an ending, by provider. An index scan over live rows only.
SELECT provider, count(*) AS live FROM activation WHERE NOT settled GROUP BY provider
