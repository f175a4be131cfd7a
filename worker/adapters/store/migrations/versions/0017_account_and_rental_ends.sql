-- What ends by itself: a rental without one SMS, and a balance that nothing moved for long.
--
-- Everything is additive: the code of 0016 neither reads nor writes what is new here.

-- What a rental gives back at its end is a case, as what a press or a claim gives back. Every row of
-- before satisfies the new constraint, for the old one was stricter.
ALTER TABLE case_ DROP CONSTRAINT case__kind_check;
ALTER TABLE case_ ADD CONSTRAINT case__kind_check
    CHECK (kind IN ('claim', 'rental_outage', 'rental_cancel', 'rental_end', 'withdrawal', 'account'))
    NOT VALID;

-- When an entry was booked, whatever day it is dated. Entries of before have none: without a default
-- of its own the column is added without a rewrite of the table.
ALTER TABLE transfer ADD COLUMN booked_at timestamptz;
ALTER TABLE transfer ALTER COLUMN booked_at SET DEFAULT now();

-- Code of 0016 that takes up an order of newer code writes of each number that the worker holds its
-- price. Where the shop holds it, that would give it back to a balance it never left: what the order
-- says is what counts. Numbers without an order cost one look at a primary key.
CREATE FUNCTION charge_as_ordered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.charge := coalesce((SELECT "order" ->> 'charge' FROM purchase WHERE id = NEW.id), NEW.charge);
    RETURN NEW;
END
$$;
CREATE TRIGGER activation_charge_as_ordered BEFORE INSERT ON activation
    FOR EACH ROW WHEN (NEW.charge = 'hold') EXECUTE FUNCTION charge_as_ordered();

-- The accounts that have a date for their idle balance, by the subject of its timer.
CREATE TABLE account_idle (
    subject uuid PRIMARY KEY,
    account text NOT NULL UNIQUE REFERENCES account,
    since   timestamptz NOT NULL,  -- Its policy names a time since then: it begins no earlier.
    months  integer NOT NULL       -- Of the policy by which it was dated.
)
