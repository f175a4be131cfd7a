-- Cases that live for days: what is known, what was decided, what waits for a date.
--
-- Everything is additive: the code of 0001 neither reads nor writes what is new here.

-- A policy as it was when an order was made under it; an order keeps it for good.
CREATE TABLE policy_version (
    name    text NOT NULL,
    version text NOT NULL,
    content jsonb NOT NULL,
    kept_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version)
);

-- A long rental: paid when it is booked, credited for the days it did not work.
CREATE TABLE rental (
    id             uuid PRIMARY KEY,
    provider       text   NOT NULL,
    provider_ref   text   NOT NULL,
    account        text   NOT NULL REFERENCES account,
    phone          text   NOT NULL,
    service        text   NOT NULL,
    country        text   NOT NULL,
    price_minor    bigint NOT NULL CHECK (price_minor >= 0),
    currency       text   NOT NULL,
    charge         text   NOT NULL CHECK (charge IN ('hold', 'external')),
    policy         text   NOT NULL,
    policy_version text   NOT NULL,
    rented_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL CHECK (ends_at > rented_at),
    ended_at       timestamptz,
    booked_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (provider, provider_ref, rented_at)
);
CREATE INDEX rental_ref ON rental (provider, provider_ref, rented_at DESC);

-- `facts` are in the vocabulary of the policies; `withheld_minor` is what the account has held for it.
CREATE TABLE case_ (
    id             uuid PRIMARY KEY,
    kind           text NOT NULL CHECK (kind IN ('claim', 'rental_outage', 'withdrawal', 'account')),
    subject        text NOT NULL,
    activation_id  uuid,
    rental_id      uuid,
    account        text NOT NULL REFERENCES account,
    content_hash   text NOT NULL,
    state          text NOT NULL CHECK (state IN
        ('waiting', 'needs_evidence', 'in_review', 'approved',
         'granted', 'denied', 'resolved', 'replaced', 'paid', 'done')),
    closed         boolean GENERATED ALWAYS AS
        (state IN ('granted', 'denied', 'resolved', 'replaced', 'paid', 'done')) STORED,
    facts          jsonb NOT NULL,
    verdict        jsonb,
    policy         text NOT NULL,
    policy_version text NOT NULL,
    withheld_minor bigint NOT NULL DEFAULT 0 CHECK (withheld_minor >= 0),
    opened_at      timestamptz NOT NULL,
    closed_at      timestamptz,
    version        integer NOT NULL DEFAULT 1,
    CHECK (closed = (closed_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX case_of_activation ON case_ (activation_id) WHERE activation_id IS NOT NULL;
CREATE INDEX case_of_rental ON case_ (rental_id) WHERE rental_id IS NOT NULL;
CREATE INDEX case_of_account ON case_ (account, opened_at, id);
CREATE INDEX case_open ON case_ (kind, opened_at) WHERE closed_at IS NULL;
CREATE INDEX case_newest ON case_ (opened_at, id);

-- What the customer or the shop added to a case, as it was sent.
CREATE TABLE evidence (
    case_id  uuid NOT NULL,
    seq      bigint GENERATED ALWAYS AS IDENTITY,
    at       timestamptz NOT NULL,
    what     text NOT NULL,
    content  jsonb NOT NULL,
    PRIMARY KEY (case_id, seq)
);

-- Append only: with the facts and the policy it rests on, each decision can be made again.
-- `subject` is the case's id, or the activation's where silence made it final without a case.
CREATE TABLE decision (
    subject        uuid NOT NULL,
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    at             timestamptz NOT NULL,
    op             text NOT NULL,
    facts          jsonb NOT NULL,
    policy         text NOT NULL,
    policy_version text NOT NULL,
    clauses        text[] NOT NULL,
    outcome        text NOT NULL,
    reason         text NOT NULL,
    amount_minor   bigint NOT NULL,
    fee_minor      bigint NOT NULL,
    destination    text,
    deadline       timestamptz,
    as_of          timestamptz NOT NULL,       -- the timer's own date where a timer asked
    by             text NOT NULL CHECK (by IN ('policy', 'verdict')),
    PRIMARY KEY (subject, seq)
);

-- What waits for a human, since when and until when; a case can be there more than once.
CREATE TABLE review (
    case_id        uuid NOT NULL,
    number         integer NOT NULL,
    opened_at      timestamptz NOT NULL,
    closed_at      timestamptz,
    reason         text NOT NULL,
    clauses        text[] NOT NULL,
    proposed_minor bigint NOT NULL,
    destination    text,
    by_when        timestamptz,
    PRIMARY KEY (case_id, number)
);
CREATE INDEX review_open ON review (opened_at, case_id) WHERE closed_at IS NULL;

-- Acts at the first instant after `due_at`. `lease_until` only saves work: firing twice is harmless.
CREATE TABLE timer (
    kind        text NOT NULL,
    subject     uuid NOT NULL,
    due_at      timestamptz NOT NULL,
    fired_at    timestamptz,
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (kind, subject)
);
CREATE INDEX timer_due ON timer (due_at) WHERE fired_at IS NULL;
CREATE INDEX timer_of ON timer (subject);

-- How far settled activations have been given their claim windows.
CREATE TABLE timer_seeded (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    upto timestamptz NOT NULL
);
INSERT INTO timer_seeded (upto) VALUES ('-infinity');

-- Both are small: top-ups and what is given back are few among the holds and releases.
CREATE INDEX transfer_topup ON transfer (account, id) WHERE key LIKE 'topup:%';
CREATE INDEX transfer_of_activation ON transfer (activation_id) WHERE source = 'house:revenue';

CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decision
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER evidence_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
