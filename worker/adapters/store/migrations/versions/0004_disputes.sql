-- Single numbers about which a provider says other things than our books, with the money at stake.
--
-- Everything is additive: the code of 0003 neither reads nor writes what is new here.

-- One row per number, open again when it is contradicted again. `held` is what our books say became
-- of it at the provider, `says` what the provider says (nothing: it never told whether it sold it).
CREATE TABLE provider_dispute (
    activation_id uuid PRIMARY KEY,
    provider      text   NOT NULL,
    held          text   NOT NULL CHECK (held IN
        ('open', 'cancelling', 'cancelled', 'finished', 'charged', 'gone')),
    says          text   NOT NULL CHECK (says IN ('active', 'charged', 'given_back', 'nothing')),
    amount_minor  bigint NOT NULL CHECK (amount_minor >= 0),
    currency      text   NOT NULL,
    opened_at     timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz                  -- the provider agrees with us after all
);
CREATE INDEX provider_dispute_open ON provider_dispute (provider, opened_at) WHERE ended_at IS NULL;

-- Purchases whose number nobody knows: few, and looked for as long as the provider may tell of them.
CREATE INDEX purchase_unknown ON purchase (provider, asked_at) WHERE state = 'unknown';
