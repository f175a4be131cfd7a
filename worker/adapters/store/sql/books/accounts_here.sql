-- Which of these accounts there are, whoever has them locked; and the database's clock, for dates.
SELECT clock_timestamp() AS now,
       ARRAY(SELECT account FROM account WHERE account = ANY(CAST(:accounts AS text[]))) AS here
