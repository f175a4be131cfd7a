-- What staff wants remembered about an account.
--
-- Everything is additive: the code of 0016 neither reads nor writes what is new here. Notes on numbers
-- and on cases stand in their own logs, `transition` and `evidence`.
CREATE TABLE account_note (
    account text   NOT NULL REFERENCES account,
    id      bigint GENERATED ALWAYS AS IDENTITY,
    at      timestamptz NOT NULL,
    note    text   NOT NULL,
    by      text,
    PRIMARY KEY (account, id)
);
