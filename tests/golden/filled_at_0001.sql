-- Everything a worker of revision 0001 had in its database: live and settled numbers of each state
-- with their ledger, codes, events and exposure, and purchases asked, failed and unknown.
-- Written by the worker itself on a database of that revision; a text of its own, so that no
-- later code has a part in it.

INSERT INTO account ("account", "currency", "state", "opened_at") VALUES
('alice', 'USD', 'open', '2026-11-22 07:42:58.781399+00'),
('bob', 'USD', 'open', '2026-11-22 07:42:58.788961+00');

INSERT INTO activation ("id", "provider", "provider_ref", "account", "phone", "service", "country", "price_minor", "currency", "cost_minor", "cost_currency", "policy", "policy_version", "charge", "state", "settled", "provider_state", "reason", "rented_at", "window_seconds", "deadline_at", "expires_at", "ending_at", "cancel_not_before", "lease_until", "pursue_at", "attempts", "unknown_reads", "epoch", "version", "created_at") VALUES
('0309c67b-eeb7-59d6-bac8-4ef8e1ba11ff', 'sim', NULL, 'alice', NULL, 'any', '1', '30', 'USD', NULL, NULL, 'default', '1', 'hold', 'waiting', 'false', 'open', NULL, '2026-11-22 07:42:58.902222+00', '1200', '2026-11-22 08:02:58.902222+00', NULL, '2026-11-22 08:02:58.902223+00', '2026-11-22 07:42:58.902222+00', '-infinity', NULL, '0', '0', '0', '1', '2026-11-22 07:42:58.906809+00'),
('0b12815f-5892-5784-a6a4-33ea60db1bdd', 'sim', 'received', 'alice', '15550001', 'any', '1', '25', 'USD', NULL, NULL, 'default', '1', 'hold', 'received', 'false', 'open', NULL, '2026-01-01 01:20:00+00', '1200', '2026-01-01 01:40:00+00', NULL, '2026-01-01 01:40:00.000001+00', '2026-01-01 01:20:00+00', '-infinity', NULL, '0', '0', '0', '2', '2026-11-22 07:42:58.867368+00'),
('17c65f51-d6d7-544d-a54e-a53e314014be', 'sim', 'review', 'alice', '15550001', 'any', '1', '25', 'USD', NULL, NULL, 'default', '1', 'hold', 'in_review', 'false', 'charged', 'timeout', '2026-01-01 00:00:00+00', '1200', '2026-01-01 00:20:00+00', NULL, 'infinity', '2026-01-01 00:00:00+00', '-infinity', NULL, '1', '0', '2', '3', '2026-11-22 07:42:58.81106+00'),
('1f7b470c-114e-5c90-acfb-d9a9a9135cd1', 'sim', 'closed', 'alice', '15550001', 'any', '1', '25', 'USD', NULL, NULL, 'default', '1', 'hold', 'closed', 'true', 'cancelled', 'timeout', '2026-01-01 00:00:00+00', '1200', '2026-01-01 00:20:00+00', NULL, '2026-01-01 00:20:00.000001+00', '2026-01-01 00:00:00+00', '-infinity', NULL, '1', '0', '2', '3', '2026-11-22 07:42:58.805548+00'),
('5d36e716-2917-51e2-aabf-bc66caac4775', 'sim', 'refunded', 'alice', '15550001', 'any', '1', '25', 'USD', NULL, NULL, 'default', '1', 'hold', 'refunded', 'true', 'cancelled', 'timeout', '2026-01-01 00:00:00+00', '1200', '2026-01-01 00:20:00+00', NULL, '2026-01-01 00:20:00.000001+00', '2026-01-01 00:00:00+00', '-infinity', NULL, '1', '0', '2', '3', '2026-11-22 07:42:58.792221+00'),
('6495e10d-7efa-5680-967f-17dfb174264e', 'sim', 'waiting', 'alice', '15550001', 'any', '1', '25', 'USD', NULL, NULL, 'default', '1', 'hold', 'waiting', 'false', 'open', NULL, '2026-01-01 01:20:00+00', '1200', '2026-01-01 01:40:00+00', NULL, '2026-01-01 01:40:00.000001+00', '2026-01-01 01:20:00+00', '-infinity', NULL, '0', '0', '0', '1', '2026-11-22 07:42:58.856304+00'),
('87542cfc-86ff-5851-8920-ca43fbaefb83', 'sim', 'delivered', 'alice', '15550001', 'any', '1', '25', 'USD', NULL, NULL, 'default', '1', 'hold', 'delivered', 'true', 'finishing', NULL, '2026-01-01 00:00:00+00', '1200', '2026-01-01 00:20:00+00', NULL, '2026-01-01 00:20:00.000001+00', '2026-01-01 00:00:00+00', '-infinity', '2026-01-01 00:20:00.000001+00', '0', '0', '1', '3', '2026-11-22 07:42:58.80825+00'),
('8b190d11-c742-5737-a9a1-eaa42be370a2', 'sim', 'waiting-bob', 'bob', '15550001', 'any', '1', '25', 'USD', NULL, NULL, 'default', '1', 'hold', 'waiting', 'false', 'open', NULL, '2026-01-01 01:20:00+00', '1200', '2026-01-01 01:40:00+00', NULL, '2026-01-01 01:40:00.000001+00', '2026-01-01 01:20:00+00', '-infinity', NULL, '0', '0', '0', '1', '2026-11-22 07:42:58.85956+00'),
('9f5eb50c-95ff-52d2-b47d-a2690659c2c6', 'sim', 'grace', 'alice', '15550001', 'any', '1', '25', 'USD', NULL, NULL, 'default', '1', 'hold', 'refunded', 'true', 'cancelling', 'timeout', '2026-01-01 00:00:00+00', '1200', '2026-01-01 00:20:00+00', NULL, '2026-01-01 00:20:00.000001+00', '2026-01-01 00:00:00+00', '-infinity', '2026-01-01 00:21:01.000001+00', '1', '0', '2', '3', '2026-11-22 07:42:58.813488+00'),
('c64e879d-f55e-5b83-9618-dec6c7b8ef8b', 'sim', 'external', 'alice', '15550001', 'any', '1', '25', 'USD', NULL, NULL, 'default', '1', 'external', 'refunded', 'true', 'cancelled', 'timeout', '2026-01-01 00:00:00+00', '1200', '2026-01-01 00:20:00+00', NULL, '2026-01-01 00:20:00.000001+00', '2026-01-01 00:00:00+00', '-infinity', NULL, '1', '0', '2', '3', '2026-11-22 07:42:58.81592+00'),
('f0581038-5c45-5865-8a73-4f7267bc370a', 'sim', 'expiring', 'alice', '15550001', 'any', '1', '25', 'USD', NULL, NULL, 'default', '1', 'hold', 'expiring', 'false', 'open', 'cancel', '2026-01-01 01:20:00+00', '1200', '2026-01-01 01:40:00+00', NULL, '2026-01-01 01:22:00+00', '2026-01-01 01:20:00+00', '2026-01-01 01:20:00+00', NULL, '0', '0', '0', '2', '2026-11-22 07:42:58.869642+00');

INSERT INTO balance ("account", "bucket", "amount_minor", "version") VALUES
('alice', 'available', '99790', '19'),
('alice', 'held', '160', '18'),
('bob', 'available', '475', '2'),
('bob', 'held', '25', '1');

INSERT INTO code ("activation_id", "hash", "number", "code", "text", "received_at") VALUES
('0b12815f-5892-5784-a6a4-33ea60db1bdd', E'\\xedee29f882543b956620b26d0ee0e7e950399b1c4222f5de05e06425b4c995e9', '1', '2222', 'your code is 2222', '2026-01-01 01:21:00+00'),
('87542cfc-86ff-5851-8920-ca43fbaefb83', E'\\x0ffe1abd1a08215353c233d6e009613e95eec4253832a761af28ff37ac5a150c', '1', '1111', NULL, '2026-01-01 00:03:00+00');

INSERT INTO event ("subject", "type", "number", "activation_id", "account", "at", "payload", "state", "attempts", "next_at") VALUES
('87542cfc-86ff-5851-8920-ca43fbaefb83', 'activation.code_received', '1', '87542cfc-86ff-5851-8920-ca43fbaefb83', 'alice', '2026-01-01 00:03:00+00', '{"id": "87542cfc-86ff-5851-8920-ca43fbaefb83", "code": "1111", "state": "received", "number": 1, "account": "alice", "provider": "sim", "received_at": "2026-01-01T00:03:00.000000Z", "provider_ref": "delivered"}', 'pending', '0', '-infinity'),
('5d36e716-2917-51e2-aabf-bc66caac4775', 'activation.refunded', '1', '5d36e716-2917-51e2-aabf-bc66caac4775', 'alice', '2026-01-01 00:20:00.000001+00', '{"id": "5d36e716-2917-51e2-aabf-bc66caac4775", "state": "refunded", "charge": "hold", "reason": "timeout", "account": "alice", "currency": "USD", "provider": "sim", "amount_minor": 25, "provider_ref": "refunded"}', 'pending', '0', '-infinity'),
('c64e879d-f55e-5b83-9618-dec6c7b8ef8b', 'activation.refunded', '1', 'c64e879d-f55e-5b83-9618-dec6c7b8ef8b', 'alice', '2026-01-01 00:20:00.000001+00', '{"id": "c64e879d-f55e-5b83-9618-dec6c7b8ef8b", "state": "refunded", "charge": "external", "reason": "timeout", "account": "alice", "currency": "USD", "provider": "sim", "amount_minor": 25, "provider_ref": "external"}', 'pending', '0', '-infinity'),
('1f7b470c-114e-5c90-acfb-d9a9a9135cd1', 'activation.closed', '1', '1f7b470c-114e-5c90-acfb-d9a9a9135cd1', 'alice', '2026-01-01 00:20:00.000001+00', '{"id": "1f7b470c-114e-5c90-acfb-d9a9a9135cd1", "state": "closed", "charge": "hold", "reason": "timeout", "account": "alice", "currency": "USD", "provider": "sim", "amount_minor": 25, "provider_ref": "closed"}', 'pending', '0', '-infinity'),
('9f5eb50c-95ff-52d2-b47d-a2690659c2c6', 'activation.refunded', '1', '9f5eb50c-95ff-52d2-b47d-a2690659c2c6', 'alice', '2026-01-01 00:21:00.000001+00', '{"id": "9f5eb50c-95ff-52d2-b47d-a2690659c2c6", "state": "refunded", "charge": "hold", "reason": "timeout", "account": "alice", "currency": "USD", "provider": "sim", "amount_minor": 25, "provider_ref": "grace"}', 'pending', '0', '-infinity'),
('87542cfc-86ff-5851-8920-ca43fbaefb83', 'activation.delivered', '1', '87542cfc-86ff-5851-8920-ca43fbaefb83', 'alice', '2026-01-01 00:20:00.000001+00', '{"id": "87542cfc-86ff-5851-8920-ca43fbaefb83", "state": "delivered", "charge": "hold", "reason": "code", "account": "alice", "currency": "USD", "provider": "sim", "amount_minor": 25, "provider_ref": "delivered"}', 'pending', '0', '-infinity'),
('0b12815f-5892-5784-a6a4-33ea60db1bdd', 'activation.code_received', '1', '0b12815f-5892-5784-a6a4-33ea60db1bdd', 'alice', '2026-01-01 01:21:00+00', '{"id": "0b12815f-5892-5784-a6a4-33ea60db1bdd", "code": "2222", "state": "received", "number": 1, "account": "alice", "provider": "sim", "received_at": "2026-01-01T01:21:00.000000Z", "provider_ref": "received"}', 'pending', '0', '-infinity');

INSERT INTO exposure ("activation_id", "provider", "amount_minor", "currency", "state", "opened_at", "ended_at") VALUES
('9f5eb50c-95ff-52d2-b47d-a2690659c2c6', 'sim', '25', 'USD', 'open', '2026-01-01 00:21:00.000001+00', NULL);

INSERT INTO purchase ("id", "content_hash", "account", "provider", "order", "price_minor", "currency", "state", "failure", "asked_at") VALUES
('0309c67b-eeb7-59d6-bac8-4ef8e1ba11ff', '0a984d33badd6b81444cfca8ce2b75fdbad4d8141d0e8e258792ab56f5fe2a96', 'alice', 'sim', '{"policy": "default", "account": "alice", "country": "1", "service": "any", "provider": "sim", "price_minor": 30, "max_cost_minor": null, "policy_version": "1", "window_seconds": 1200}', '30', 'USD', 'unknown', NULL, '2026-11-22 07:42:58.902222+00'),
('206edc6b-597f-5d42-ba80-688e75d011e1', '0a984d33badd6b81444cfca8ce2b75fdbad4d8141d0e8e258792ab56f5fe2a96', 'alice', 'sim', '{"policy": "default", "account": "alice", "country": "1", "service": "any", "provider": "sim", "price_minor": 30, "max_cost_minor": null, "policy_version": "1", "window_seconds": 1200}', '30', 'USD', 'asked', NULL, '2026-11-22 07:42:58.883868+00'),
('fa1ea456-17e5-54db-b568-388fad6f1e3d', '0a984d33badd6b81444cfca8ce2b75fdbad4d8141d0e8e258792ab56f5fe2a96', 'alice', 'sim', '{"policy": "default", "account": "alice", "country": "1", "service": "any", "provider": "sim", "price_minor": 30, "max_cost_minor": null, "policy_version": "1", "window_seconds": 1200}', '30', 'USD', 'failed', 'no_numbers', '2026-11-22 07:42:58.890663+00');

INSERT INTO settlement ("activation_id", "outcome", "amount_minor", "reason", "at") VALUES
('1f7b470c-114e-5c90-acfb-d9a9a9135cd1', 'closed', '25', 'timeout', '2026-01-01 00:20:00.000001+00'),
('5d36e716-2917-51e2-aabf-bc66caac4775', 'refunded', '25', 'timeout', '2026-01-01 00:20:00.000001+00'),
('87542cfc-86ff-5851-8920-ca43fbaefb83', 'delivered', '25', 'code', '2026-01-01 00:20:00.000001+00'),
('9f5eb50c-95ff-52d2-b47d-a2690659c2c6', 'refunded', '25', 'timeout', '2026-01-01 00:21:00.000001+00'),
('c64e879d-f55e-5b83-9618-dec6c7b8ef8b', 'refunded', '25', 'timeout', '2026-01-01 00:20:00.000001+00');

INSERT INTO transfer ("key", "at", "account", "activation_id", "source", "destination", "amount_minor", "currency") VALUES
('topup:alice:first', '2026-11-22 07:42:58.784643+00', 'alice', NULL, 'house:outside', 'available:alice', '100000', 'USD'),
('topup:bob:first', '2026-11-22 07:42:58.790012+00', 'bob', NULL, 'house:outside', 'available:bob', '500', 'USD'),
('hold:5d36e716-2917-51e2-aabf-bc66caac4775', '2026-11-22 07:42:58.792221+00', 'alice', '5d36e716-2917-51e2-aabf-bc66caac4775', 'available:alice', 'held:alice', '25', 'USD'),
('hold:1f7b470c-114e-5c90-acfb-d9a9a9135cd1', '2026-11-22 07:42:58.805548+00', 'alice', '1f7b470c-114e-5c90-acfb-d9a9a9135cd1', 'available:alice', 'held:alice', '25', 'USD'),
('hold:87542cfc-86ff-5851-8920-ca43fbaefb83', '2026-11-22 07:42:58.80825+00', 'alice', '87542cfc-86ff-5851-8920-ca43fbaefb83', 'available:alice', 'held:alice', '25', 'USD'),
('hold:17c65f51-d6d7-544d-a54e-a53e314014be', '2026-11-22 07:42:58.81106+00', 'alice', '17c65f51-d6d7-544d-a54e-a53e314014be', 'available:alice', 'held:alice', '25', 'USD'),
('hold:9f5eb50c-95ff-52d2-b47d-a2690659c2c6', '2026-11-22 07:42:58.813488+00', 'alice', '9f5eb50c-95ff-52d2-b47d-a2690659c2c6', 'available:alice', 'held:alice', '25', 'USD'),
('hold:c64e879d-f55e-5b83-9618-dec6c7b8ef8b', '2026-11-22 07:42:58.81592+00', 'alice', 'c64e879d-f55e-5b83-9618-dec6c7b8ef8b', 'house:outside', 'held:alice', '25', 'USD'),
('release:5d36e716-2917-51e2-aabf-bc66caac4775', '2026-11-22 07:42:58.832218+00', 'alice', '5d36e716-2917-51e2-aabf-bc66caac4775', 'held:alice', 'available:alice', '25', 'USD'),
('release:c64e879d-f55e-5b83-9618-dec6c7b8ef8b', '2026-11-22 07:42:58.845295+00', 'alice', 'c64e879d-f55e-5b83-9618-dec6c7b8ef8b', 'held:alice', 'house:outside', '25', 'USD'),
('capture:1f7b470c-114e-5c90-acfb-d9a9a9135cd1', '2026-11-22 07:42:58.847788+00', 'alice', '1f7b470c-114e-5c90-acfb-d9a9a9135cd1', 'held:alice', 'house:revenue', '25', 'USD'),
('release:9f5eb50c-95ff-52d2-b47d-a2690659c2c6', '2026-11-22 07:42:58.851828+00', 'alice', '9f5eb50c-95ff-52d2-b47d-a2690659c2c6', 'held:alice', 'available:alice', '25', 'USD'),
('capture:87542cfc-86ff-5851-8920-ca43fbaefb83', '2026-11-22 07:42:58.854197+00', 'alice', '87542cfc-86ff-5851-8920-ca43fbaefb83', 'held:alice', 'house:revenue', '25', 'USD'),
('hold:6495e10d-7efa-5680-967f-17dfb174264e', '2026-11-22 07:42:58.856304+00', 'alice', '6495e10d-7efa-5680-967f-17dfb174264e', 'available:alice', 'held:alice', '25', 'USD'),
('hold:8b190d11-c742-5737-a9a1-eaa42be370a2', '2026-11-22 07:42:58.85956+00', 'bob', '8b190d11-c742-5737-a9a1-eaa42be370a2', 'available:bob', 'held:bob', '25', 'USD'),
('hold:0b12815f-5892-5784-a6a4-33ea60db1bdd', '2026-11-22 07:42:58.867368+00', 'alice', '0b12815f-5892-5784-a6a4-33ea60db1bdd', 'available:alice', 'held:alice', '25', 'USD'),
('hold:f0581038-5c45-5865-8a73-4f7267bc370a', '2026-11-22 07:42:58.869642+00', 'alice', 'f0581038-5c45-5865-8a73-4f7267bc370a', 'available:alice', 'held:alice', '25', 'USD'),
('hold:206edc6b-597f-5d42-ba80-688e75d011e1', '2026-11-22 07:42:58.883868+00', 'alice', '206edc6b-597f-5d42-ba80-688e75d011e1', 'available:alice', 'held:alice', '30', 'USD'),
('hold:fa1ea456-17e5-54db-b568-388fad6f1e3d', '2026-11-22 07:42:58.890663+00', 'alice', 'fa1ea456-17e5-54db-b568-388fad6f1e3d', 'available:alice', 'held:alice', '30', 'USD'),
('release:fa1ea456-17e5-54db-b568-388fad6f1e3d', '2026-11-22 07:42:58.895275+00', 'alice', 'fa1ea456-17e5-54db-b568-388fad6f1e3d', 'held:alice', 'available:alice', '30', 'USD'),
('hold:0309c67b-eeb7-59d6-bac8-4ef8e1ba11ff', '2026-11-22 07:42:58.902222+00', 'alice', '0309c67b-eeb7-59d6-bac8-4ef8e1ba11ff', 'available:alice', 'held:alice', '30', 'USD');

INSERT INTO transition ("activation_id", "at", "what", "state", "detail") VALUES
('5d36e716-2917-51e2-aabf-bc66caac4775', '2026-11-22 07:42:58.792221+00', 'accepted', 'waiting', NULL),
('1f7b470c-114e-5c90-acfb-d9a9a9135cd1', '2026-11-22 07:42:58.805548+00', 'accepted', 'waiting', NULL),
('87542cfc-86ff-5851-8920-ca43fbaefb83', '2026-11-22 07:42:58.80825+00', 'accepted', 'waiting', NULL),
('17c65f51-d6d7-544d-a54e-a53e314014be', '2026-11-22 07:42:58.81106+00', 'accepted', 'waiting', NULL),
('9f5eb50c-95ff-52d2-b47d-a2690659c2c6', '2026-11-22 07:42:58.813488+00', 'accepted', 'waiting', NULL),
('c64e879d-f55e-5b83-9618-dec6c7b8ef8b', '2026-11-22 07:42:58.81592+00', 'accepted', 'waiting', NULL),
('87542cfc-86ff-5851-8920-ca43fbaefb83', '2026-01-01 00:03:00+00', 'code', 'received', '{"number": 1}'),
('5d36e716-2917-51e2-aabf-bc66caac4775', '2026-01-01 00:20:00.000001+00', 'expiring', 'expiring', '{"reason": "timeout"}'),
('1f7b470c-114e-5c90-acfb-d9a9a9135cd1', '2026-01-01 00:20:00.000001+00', 'expiring', 'expiring', '{"reason": "timeout"}'),
('17c65f51-d6d7-544d-a54e-a53e314014be', '2026-01-01 00:20:00.000001+00', 'expiring', 'expiring', '{"reason": "timeout"}'),
('9f5eb50c-95ff-52d2-b47d-a2690659c2c6', '2026-01-01 00:20:00.000001+00', 'expiring', 'expiring', '{"reason": "timeout"}'),
('c64e879d-f55e-5b83-9618-dec6c7b8ef8b', '2026-01-01 00:20:00.000001+00', 'expiring', 'expiring', '{"reason": "timeout"}'),
('5d36e716-2917-51e2-aabf-bc66caac4775', '2026-01-01 00:20:00.000001+00', 'settled', 'refunded', '{"reason": "timeout", "amount_minor": 25, "provider_state": "cancelled"}'),
('c64e879d-f55e-5b83-9618-dec6c7b8ef8b', '2026-01-01 00:20:00.000001+00', 'settled', 'refunded', '{"reason": "timeout", "amount_minor": 25, "provider_state": "cancelled"}'),
('1f7b470c-114e-5c90-acfb-d9a9a9135cd1', '2026-01-01 00:20:00.000001+00', 'settled', 'closed', '{"reason": "timeout", "amount_minor": 25, "provider_state": "cancelled"}'),
('17c65f51-d6d7-544d-a54e-a53e314014be', '2026-01-01 00:20:00.000001+00', 'in_review', 'in_review', '{"reason": "sms_not_displayed", "amount_minor": 25, "provider_state": "charged"}'),
('9f5eb50c-95ff-52d2-b47d-a2690659c2c6', '2026-01-01 00:21:00.000001+00', 'settled', 'refunded', '{"reason": "timeout", "amount_minor": 25, "provider_state": "cancelling"}'),
('87542cfc-86ff-5851-8920-ca43fbaefb83', '2026-01-01 00:20:00.000001+00', 'settled', 'delivered', '{"reason": "code", "amount_minor": 25, "provider_state": "finishing"}'),
('6495e10d-7efa-5680-967f-17dfb174264e', '2026-11-22 07:42:58.856304+00', 'accepted', 'waiting', NULL),
('8b190d11-c742-5737-a9a1-eaa42be370a2', '2026-11-22 07:42:58.85956+00', 'accepted', 'waiting', NULL),
('0b12815f-5892-5784-a6a4-33ea60db1bdd', '2026-11-22 07:42:58.867368+00', 'accepted', 'waiting', NULL),
('f0581038-5c45-5865-8a73-4f7267bc370a', '2026-11-22 07:42:58.869642+00', 'accepted', 'waiting', NULL),
('0b12815f-5892-5784-a6a4-33ea60db1bdd', '2026-01-01 01:21:00+00', 'code', 'received', '{"number": 1}'),
('f0581038-5c45-5865-8a73-4f7267bc370a', '2026-01-01 01:22:00+00', 'expiring', 'expiring', '{"reason": "cancel"}'),
('0309c67b-eeb7-59d6-bac8-4ef8e1ba11ff', '2026-11-22 07:42:58.906809+00', 'accepted', 'waiting', '{"purchase": "unknown"}');
