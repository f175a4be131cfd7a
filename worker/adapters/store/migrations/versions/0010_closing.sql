-- A deletion that waits is told apart from a block: it takes no top-up, and its refusal opens again.
--
-- Every row of before satisfies the new constraint, for the old one was stricter: it is not
-- validated, which would read the whole table while nobody may use it. Accounts whose deletion waits
-- already stay blocked, for the code of 0009 does not know the new word; newer code writes it when
-- it looks at them again.
ALTER TABLE account DROP CONSTRAINT account_state_check;
ALTER TABLE account ADD CONSTRAINT account_state_check
    CHECK (state IN ('open', 'closing', 'blocked', 'frozen', 'deleted')) NOT VALID;
