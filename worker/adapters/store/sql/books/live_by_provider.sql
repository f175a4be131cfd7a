-- Numbers without an ending, by provider. An index scan over live rows only.
SELECT at_provider AS provider, count(*) AS live FROM live GROUP BY at_provider
