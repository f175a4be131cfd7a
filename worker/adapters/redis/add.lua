-- Put numbers on the schedule of one provider.
--
-- Delays, not instants, so that a worker whose clock is off still schedules right.
-- Mode NX leaves what is there alone: a rebuild must not end a lease or move a look.
-- Mode LT brings a look forward, never back, and ends a lease: what its holder is just reading
-- may be older than the push that asks for this look.
--
-- KEYS  1 the due set, 2 what rings for those who nap
-- ARGV  1 the mode (NX or LT), 2 how long in us they may nap, then for each number: delay in us,
--       member
-- Gives how many are new.
local now = microseconds()
local nap = tonumber(ARGV[2])
local scores, soon = {}, false
for i = 3, #ARGV, 2 do
    local delay = tonumber(ARGV[i])
    soon = soon or delay <= nap
    scores[i - 2] = plain(now + delay)
    scores[i - 1] = ARGV[i + 1]
end
local new = redis.call('ZADD', KEYS[1], ARGV[1], unpack(scores))
if soon then
    ring(KEYS[2], nap)
end
return new
