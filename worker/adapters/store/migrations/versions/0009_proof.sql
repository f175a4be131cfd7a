-- A purchase in doubt ends by proof: what the provider's list and history show of it.
--
-- Everything is additive: the code of 0008 neither reads nor writes what is new here, and goes on
-- holding a purchase that was proven unsold for one of unknown outcome. purchase_unknown serves the
-- new statements: an index of their own would be built while nobody may write to the table.

-- `absent_at`: since when each whole reading of list and history was without its number.
-- `unsold_at`: when that was proof enough.
ALTER TABLE purchase ADD COLUMN absent_at timestamptz;
ALTER TABLE purchase ADD COLUMN unsold_at timestamptz;
