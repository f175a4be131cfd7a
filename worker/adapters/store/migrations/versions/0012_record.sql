-- The record that policies are asked from: what the order call told, and in whose name.
--
-- Everything is additive: the code of 0010 neither reads nor writes what is new here.

-- NULL: nothing was told with the order. Neither changes after intake.
ALTER TABLE activation ADD COLUMN order_ref text, ADD COLUMN order_facts jsonb;
ALTER TABLE rental ADD COLUMN order_ref text, ADD COLUMN order_facts jsonb;

-- The policy an account belongs to. NULL: it was opened before accounts had one; its first case
-- about money out, or the next call that opens it, says which.
ALTER TABLE account ADD COLUMN policy text;

-- A case that the customer took back is closed, too. Its generated column knew the older words only.
-- Every row of before satisfies the new constraints.
ALTER TABLE case_ DROP COLUMN closed;
ALTER TABLE case_ DROP CONSTRAINT case__state_check, ADD CONSTRAINT case__state_check
    CHECK (state IN ('waiting', 'needs_evidence', 'in_review', 'approved', 'granted', 'denied',
                     'resolved', 'replaced', 'paid', 'done', 'cancelled')) NOT VALID;
ALTER TABLE case_ ADD CONSTRAINT case__closed_check
    CHECK ((closed_at IS NOT NULL)
           = (state IN ('granted', 'denied', 'resolved', 'replaced', 'paid', 'done', 'cancelled'))) NOT VALID;

-- Who told what stands in a case: the actor that the caller named, else the token.
ALTER TABLE evidence ADD COLUMN by text;

-- Flags that a human found about an account. They stay with it until a human ends them.
CREATE TABLE account_finding (
    account  text NOT NULL REFERENCES account,
    flag     text NOT NULL,
    found_at timestamptz NOT NULL,
    by       text,
    case_id  uuid,
    ended_at timestamptz,
    PRIMARY KEY (account, flag, found_at)
);

-- One price, one number: the order that a claim replaced, and by which one.
CREATE TABLE replacement (
    case_id       uuid PRIMARY KEY,
    replaced      uuid NOT NULL UNIQUE,
    activation_id uuid UNIQUE,
    rental_id     uuid UNIQUE,
    linked_at     timestamptz NOT NULL,
    by            text,
    CHECK ((activation_id IS NULL) <> (rental_id IS NULL))
);

-- What somebody owes in a case or about an account, until a date. One of each sort is open at once.
CREATE TABLE obligation (
    id       uuid PRIMARY KEY,
    case_id  uuid NOT NULL,
    account  text NOT NULL,
    what     text NOT NULL,
    owed_by  text NOT NULL CHECK (owed_by IN ('shop', 'customer')),
    since    timestamptz NOT NULL,
    by_when  timestamptz NOT NULL,
    ended_at timestamptz,
    "end"    text,
    CHECK ((ended_at IS NULL) = ("end" IS NULL))
);
CREATE UNIQUE INDEX obligation_open ON obligation (case_id, what) WHERE ended_at IS NULL;
CREATE INDEX obligation_of ON obligation (case_id, since);
CREATE INDEX obligation_of_account ON obligation (account, since);
CREATE INDEX obligation_next ON obligation (by_when, id) WHERE ended_at IS NULL
