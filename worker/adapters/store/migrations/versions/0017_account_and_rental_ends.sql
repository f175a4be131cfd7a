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

-- The accounts that have a date for their idle balance, by the subject of its timer.
CREATE TABLE account_idle (
    subject uuid PRIMARY KEY,
    account text NOT NULL UNIQUE REFERENCES account
)
