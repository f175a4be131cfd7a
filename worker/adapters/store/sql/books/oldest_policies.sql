-- The policy of the oldest order of each of these accounts, which were opened before they had one.
SELECT a.account, {{oldest_policy}} AS policy
  FROM account a WHERE a.account = ANY(CAST(:accounts AS text[]))
