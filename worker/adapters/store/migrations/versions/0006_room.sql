-- When a provider comes back all numbers of a page are leased one after the other. With a fifth of
-- the page free only the first few stay on it; for each of the others six indexes were written.
ALTER TABLE activation SET (fillfactor = 50);
