-- The endpoint's last answer to each event, and whether the endpoint wants any more.
--
-- Everything is additive: the code of 0015 neither reads nor writes what is new here. An answer is
-- written by the update that ends the attempt, so an event costs no write more than before.
ALTER TABLE event ADD COLUMN reply_at timestamptz;
ALTER TABLE event ADD COLUMN reply_status smallint;

-- An endpoint that answered 410, by a hash of its URL, which may hold a token. Another URL is another
-- endpoint; a row that is deleted takes this one into use again.
CREATE TABLE gone_endpoint (
    endpoint text PRIMARY KEY,
    gone_at  timestamptz NOT NULL DEFAULT now()
);
