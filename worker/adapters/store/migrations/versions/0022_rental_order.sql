-- An order of a long rental keeps what was told with it, until the rental that it becomes has it.
--
-- Additive: the code of before neither reads nor writes it, and both are NULL in what it writes.
ALTER TABLE rental_order ADD COLUMN order_ref text, ADD COLUMN order_facts jsonb;
