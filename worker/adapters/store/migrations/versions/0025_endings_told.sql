-- What an event tells of an ending stands in the number and its settlement, and stood in the event again.
--
-- Everything is additive: what the code of 0024 writes is as it was, and no payload is left out until
-- `written` in `layout` says that it runs nowhere any more.

ALTER TABLE event ALTER COLUMN payload DROP NOT NULL;
ALTER TABLE event ADD CONSTRAINT event_payload_check
    CHECK (payload IS NOT NULL OR activation_id IS NOT NULL
           AND type IN ('activation.delivered', 'activation.refunded', 'activation.closed')) NOT VALID;

-- So what was told stays what was told: none of it changes. A number that was bought has no ref until
-- the provider says it, and then keeps that one.
CREATE FUNCTION refuse_other_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the terms of a number do not change' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER activation_keeps_terms
    BEFORE UPDATE OF provider, account, price_minor, currency, charge, order_ref ON activation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_terms();
CREATE TRIGGER activation_keeps_ref AFTER UPDATE OF provider_ref ON activation
    FOR EACH ROW WHEN (OLD.provider_ref <> NEW.provider_ref OR OLD.settled AND NEW.provider_ref IS NULL)
    EXECUTE FUNCTION refuse_other_terms();
