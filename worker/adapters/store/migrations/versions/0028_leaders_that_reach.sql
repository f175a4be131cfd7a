-- Whether the leader reaches the provider that it leads. Where it does not, one that does takes the lead.
--
-- Additive: the code of before neither reads nor writes what is new here.
ALTER TABLE leadership ADD COLUMN reaches boolean NOT NULL DEFAULT true;
