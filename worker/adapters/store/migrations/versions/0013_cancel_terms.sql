-- When Cancel may be pressed, fixed at intake like the deadline, so that a press stays one statement.
--
-- Everything is additive. `cancel_judged`: the policy asks more than these. What was taken in before,
-- or is taken in by older code, is judged: nobody has fixed anything for it.
ALTER TABLE activation ADD COLUMN cancel_offered boolean NOT NULL DEFAULT true,
                       ADD COLUMN cancel_from_at timestamptz,
                       ADD COLUMN cancel_until_at timestamptz,
                       ADD COLUMN cancel_judged boolean NOT NULL DEFAULT true,
                       -- What a judged press decided: the state it ends in, and why.
                       ADD COLUMN cancel_decision text
