-- Periods of the books that are closed, and the one way in which a row of them may ever go.
--
-- Everything is additive: the code of 0020 neither reads nor writes what is new here. Its audit does
-- not know a number whose books were dropped, so no period may be dropped while it runs.

-- The marks are numbers of the append-only tables: what stands at or below them, and above those of
-- the period before, is the period. `folder` and `sha256` are those of the export's list of files.
CREATE TABLE book_period (
    id             integer PRIMARY KEY,
    until          timestamptz NOT NULL UNIQUE,
    transfer_id    bigint NOT NULL,
    transition_seq bigint NOT NULL,
    decision_seq   bigint NOT NULL,
    evidence_seq   bigint NOT NULL,
    closed_at      timestamptz NOT NULL DEFAULT now(),
    exported_at    timestamptz,
    folder         text,
    sha256         text,
    dropping_since timestamptz CHECK (dropping_since IS NULL OR exported_at IS NOT NULL)
);

-- What an account had when a period was closed in which something moved it, and when it moved last:
-- an idle balance is counted from there. The newest row carries on.
CREATE TABLE book_opening (
    account         text    NOT NULL,
    period          integer NOT NULL REFERENCES book_period,
    available_minor bigint  NOT NULL,
    held_minor      bigint  NOT NULL,
    moved_at        timestamptz NOT NULL,
    PRIMARY KEY (account, period)
);

-- Numbers whose rows in the books were exported with a period, and dropped. What stays of them is the
-- settlement: the id, the outcome and the amount, so that nothing can be settled again.
CREATE TABLE dropped_number (
    activation_id uuid    PRIMARY KEY,
    period        integer NOT NULL
);

-- How far the daemon has forgotten: of events, up to which number and up to which instant.
CREATE TABLE retention_mark (
    what   text PRIMARY KEY,
    upto   bigint NOT NULL,
    before timestamptz NOT NULL
);
INSERT INTO retention_mark (what, upto, before) VALUES ('event', 0, '-infinity');

-- A row of the books may be deleted where it is named as dropped in an exported period, and nothing
-- else may, whoever connects. The column that names the number is the trigger's argument.
CREATE FUNCTION refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept boolean;
BEGIN
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM gone WHERE NOT EXISTS (SELECT FROM dropped_number d'
        ' JOIN book_period p ON p.id = d.period AND p.exported_at IS NOT NULL'
        ' WHERE d.activation_id = gone.%I))', TG_ARGV[0]) INTO kept;
    IF kept THEN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER transfer_append_only ON transfer;
CREATE TRIGGER transfer_append_only BEFORE UPDATE OR TRUNCATE ON transfer
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_keeps_rows AFTER DELETE ON transfer REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete('activation_id');
DROP TRIGGER transition_append_only ON transition;
CREATE TRIGGER transition_append_only BEFORE UPDATE OR TRUNCATE ON transition
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transition_keeps_rows AFTER DELETE ON transition REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete('activation_id');
DROP TRIGGER decision_append_only ON decision;
CREATE TRIGGER decision_append_only BEFORE UPDATE OR TRUNCATE ON decision
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER decision_keeps_rows AFTER DELETE ON decision REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete('subject');

CREATE TRIGGER book_opening_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON book_opening
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER dropped_number_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dropped_number
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER book_period_append_only BEFORE DELETE OR TRUNCATE ON book_period
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
