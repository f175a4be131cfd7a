-- Two accounts hold different balances: the number itself is what they must not both get.
SELECT pg_advisory_xact_lock(hashtextextended(:number, 0))
