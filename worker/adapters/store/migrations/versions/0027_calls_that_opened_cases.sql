-- Which case the call under an Idempotency-Key has opened: written in the transaction that opens it. Where
-- the answer was lost, a call sent again finds what came of it, and does not open the next one.
--
-- Additive: the code of before neither reads nor writes what is new here.
ALTER TABLE answer ADD COLUMN case_id uuid;
