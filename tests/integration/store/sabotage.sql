-- How to break the books, as a superuser with their guards switched off.
--
-- `== invariant: offender` is reported by that one alone; `=~ invariant` by that one at least.
-- {names} are the numbers of the test.

-- == balance_is_sum_of_transfers: available:bob
UPDATE balance SET amount_minor = amount_minor + 1 WHERE bucket = 'available' AND account = 'bob';

-- == balance_never_negative: alice
CREATE TEMP TABLE late AS SELECT * FROM transfer WHERE key = 'topup:alice:first';
DELETE FROM transfer WHERE key = 'topup:alice:first';
INSERT INTO transfer (key, account, source, destination, amount_minor, currency)
    SELECT key, account, source, destination, amount_minor, currency FROM late;

-- == transfer_matches_kind: topup:bob:first
UPDATE transfer SET currency = 'EUR' WHERE account = 'bob';

-- == hold_per_activation: {free}
DELETE FROM transfer WHERE key = 'hold:{free}';

-- == held_is_unsettled: alice
UPDATE purchase SET state = 'unknown';

-- == final_has_one_settlement: {closed}
UPDATE settlement SET amount_minor = 1 WHERE activation_id = '{closed}';

-- == live_is_unsettled: {live}
UPDATE live SET ref = 'another' WHERE id = '{live}';

-- == hold_resolved_once: {free}
INSERT INTO transfer
    (key, account, activation_id, source, destination, amount_minor, currency) VALUES
    ('capture:{free}', 'alice', '{free}', 'held:alice', 'house:revenue', 0, 'USD');

-- == delivered_after_code: {delivered}
DELETE FROM code WHERE activation_id = '{delivered}';

-- == no_code_before_credit: {refunded}
INSERT INTO code VALUES ('{refunded}', 'x', 1, '77', NULL, '2026-01-01');

-- == code_shown_in_time: {delivered}
UPDATE code SET received_at = '2026-01-01 00:20:00.000001Z';

-- == expiring_after_deadline: {refunded}
UPDATE activation SET expired_at = '2026-01-01 00:20Z' WHERE id = '{refunded}';

-- == ending_not_early: {delivered}
UPDATE settlement SET at = '2026-01-01 00:20Z' WHERE activation_id = '{delivered}';

-- == transitions_follow_moves: {closed}
UPDATE settlement SET seq = 0 WHERE activation_id = '{closed}';

-- == one_event_per_ending: {closed}
DELETE FROM event WHERE type = 'activation.closed';

-- == one_event_per_code: {delivered}
DELETE FROM event WHERE type = 'activation.code_received';

-- == exposure_where_charged: {graced}
UPDATE activation SET provider_state = 'charged', pursue_at = NULL WHERE id = '{graced}';

-- == provider_is_pursued: {delivered}
UPDATE activation SET pursue_at = NULL WHERE id = '{delivered}';

-- == rows_have_their_activation: 00000000-0000-0000-0000-000000000001
INSERT INTO exposure (activation_id, provider, amount_minor, currency) VALUES
    ('00000000-0000-0000-0000-000000000001', 'sim', 1, 'USD');

-- == opening_is_sum_of_entries: bob
INSERT INTO book_period SELECT 1, now(), max(id), 0, 0, 0 FROM transfer;
INSERT INTO book_opening VALUES ('bob', 1, 999, 0, now());

-- =~ balance_is_sum_of_transfers
DELETE FROM balance WHERE account = 'bob';

-- =~ balance_never_negative
UPDATE transfer SET amount_minor = 9999 WHERE key LIKE 'hold:%';

-- =~ transfer_matches_kind
UPDATE transfer SET key = 'gift:1' WHERE account = 'bob';

-- =~ transfer_matches_kind
UPDATE transfer SET destination = 'available:alice', account = 'bob' WHERE account = 'bob';

-- =~ transfer_matches_kind
UPDATE transfer SET activation_id = NULL WHERE key LIKE 'hold:%';

-- =~ hold_per_activation
UPDATE transfer SET source = 'house:outside' WHERE key = 'hold:{refunded}';

-- =~ hold_per_activation
UPDATE activation SET price_minor = 24 WHERE id = '{live}';

-- =~ hold_per_activation
UPDATE activation SET account = 'bob' WHERE id = '{live}';

-- =~ hold_per_activation
DELETE FROM activation WHERE id = '{live}';

-- =~ held_is_unsettled
UPDATE activation SET state = 'refunded', settled = true WHERE id = '{live}';

-- =~ live_is_unsettled
DELETE FROM live WHERE id = '{live}';

-- =~ live_is_unsettled
UPDATE live SET ends_at = 'infinity' WHERE id = '{live}';

-- =~ live_is_unsettled
INSERT INTO live (at_provider, ends_at, id) SELECT provider, ending_at, id FROM activation
    WHERE id = '{refunded}';

-- =~ final_has_one_settlement
UPDATE settlement SET outcome = 'closed' WHERE activation_id = '{refunded}';

-- =~ final_has_one_settlement
DELETE FROM settlement WHERE activation_id = '{refunded}';

-- =~ final_has_one_settlement
INSERT INTO settlement VALUES ('{live}', 'refunded', 25, 'x');

-- =~ final_has_one_settlement
DELETE FROM activation WHERE id = '{free}';

-- =~ hold_resolved_once
DELETE FROM transfer WHERE key = 'release:{refunded}';

-- =~ hold_resolved_once
UPDATE transfer SET destination = 'house:outside' WHERE key = 'release:{refunded}';

-- =~ hold_resolved_once
UPDATE transfer SET amount_minor = 24 WHERE key = 'capture:{delivered}';

-- =~ hold_resolved_once
UPDATE transfer SET key = 'capture:{refunded}' WHERE key = 'release:{refunded}';

-- =~ delivered_after_code
DELETE FROM transition WHERE what = 'code';

-- =~ no_code_before_credit
INSERT INTO transition (activation_id, what, state, detail)
    VALUES ('{closed}', 'code', 'received', '{"number": 1}');

-- =~ expiring_after_deadline
INSERT INTO transition (activation_id, at, what, state)
    VALUES ('{live}', '2026-01-01 00:20Z', 'expiring', 'expiring');

-- =~ ending_not_early
UPDATE activation SET ending_at = '2026-01-01 00:05Z' WHERE id = '{refunded}';

-- =~ transitions_follow_moves
UPDATE activation SET accepted_seq = NULL WHERE id = '{live}';

-- =~ transitions_follow_moves
UPDATE activation SET accepted_seq = 1 + (SELECT max(seq) FROM transition);

-- =~ transitions_follow_moves
UPDATE activation SET expired_seq = 0 WHERE id = '{refunded}';

-- =~ transitions_follow_moves
UPDATE settlement SET seq = NULL WHERE activation_id = '{delivered}';

-- =~ transitions_follow_moves
UPDATE activation SET state = 'received' WHERE id = '{live}';

-- =~ one_event_per_ending
UPDATE event SET type = 'activation.closed' WHERE type = 'activation.refunded'
    AND activation_id = '{refunded}';

-- =~ one_event_per_ending
INSERT INTO event (subject, type, number, activation_id, payload) VALUES
    ('{refunded}', 'activation.refunded', 2, '{refunded}', '{}');

-- =~ one_event_per_ending
INSERT INTO event (subject, type, activation_id, payload) VALUES
    ('{live}', 'activation.closed', '{live}', '{}');

-- =~ one_event_per_code
UPDATE event SET number = 2 WHERE type = 'activation.code_received';

-- =~ exposure_where_charged
UPDATE exposure SET state = 'loss', amount_minor = 1; UPDATE activation
    SET provider_state = 'charged' WHERE id = '{graced}';

-- =~ provider_is_pursued
UPDATE activation SET provider_state = 'open' WHERE id = '{refunded}';

-- =~ provider_is_pursued
UPDATE activation SET state = 'in_review', provider_state = 'cancelling', ending_at = 'infinity'
    WHERE id = '{live}';

-- =~ rows_have_their_activation
DELETE FROM activation WHERE id = '{delivered}';
