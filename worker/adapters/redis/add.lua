-- Put numbers on the schedule of one provider.
--
-- Delays, not instants, so that a worker whose clock is off still schedules right.
-- Mode NX leaves what is there alone: a rebuild must not end a lease or move a look.
-- Mode LT brings a look forward, never back, and ends a lease: what its holder is just reading
-- may be older than the push that asks for this look.
--
-- KEYS  1 the due set
-- ARGV  1 the mode (NX or LT), then for each number: delay in us, member
-- Gives how many are new.
local now = microseconds()
local scores = {}
for i = 2, #ARGV, 2 do
    scores[i - 1] = plain(now + tonumber(ARGV[i]))
    scores[i] = ARGV[i + 1]
end
return redis.call('ZADD', KEYS[1], ARGV[1], unpack(scores))
