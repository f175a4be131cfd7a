-- A deletion that waits is told apart from a block: it takes no top-up, and its refusal opens again.
ALTER TABLE account DROP CONSTRAINT account_state_check;
ALTER TABLE account ADD CONSTRAINT account_state_check
    CHECK (state IN ('open', 'closing', 'blocked', 'frozen', 'deleted')) NOT VALID;
ALTER TABLE account VALIDATE CONSTRAINT account_state_check;

UPDATE account a SET state = 'closing'
 WHERE a.state = 'blocked'
   AND EXISTS (SELECT FROM case_ c WHERE c.account = a.account AND c.kind = 'account'
                  AND c.closed_at IS NULL AND c.facts ->> 'event' = 'delete_requested');
