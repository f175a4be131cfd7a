-- What numbers cost at a provider, beside what became of them: for orders that prefer the cheapest.
--
-- Everything is additive: the code of 0017 counts on without these columns. Numbers that it settles
-- during a deploy are in no mean price.

-- The sum of what `costed` numbers cost, in one currency; where a provider changes its currency, the
-- row counts anew.
ALTER TABLE provider_figure ADD COLUMN cost_minor bigint NOT NULL DEFAULT 0,
                            ADD COLUMN costed bigint NOT NULL DEFAULT 0,
                            ADD COLUMN cost_currency text
