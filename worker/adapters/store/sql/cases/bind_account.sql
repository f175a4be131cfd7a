-- An account that was opened before accounts belonged to a policy belongs to one from now on.
UPDATE account a SET policy = coalesce({{oldest_policy}}, CAST(:default AS text))
 WHERE account = :account AND policy IS NULL
