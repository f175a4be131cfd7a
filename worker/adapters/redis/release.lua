-- Give leased numbers back: to be looked at later, or never again.
--
-- Acts only while the score still equals the lease: a worker that was slower than its lease
-- must not undo what the next holder, or a push, has decided since.
--
-- KEYS  1 the due set, 2 what rings for those who nap, 3 what this process holds
-- ARGV  1 how long in us they may nap, then for each number: member, its lease, delay in us until the
--       next look (below zero: it is late already and keeps its place; empty: forget it)
-- Gives how many were still held.
local now = microseconds()
local nap = tonumber(ARGV[1])
local held, members, soon = 0, {}, false
for i = 2, #ARGV, 3 do
    members[#members + 1] = ARGV[i]
    local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
    if score and tonumber(score) == tonumber(ARGV[i + 1]) then
        held = held + 1
        local delay = tonumber(ARGV[i + 2])
        if not delay then
            redis.call('ZREM', KEYS[1], ARGV[i])
        else
            redis.call('ZADD', KEYS[1], plain(now + delay), ARGV[i])
            soon = soon or delay <= nap
        end
    end
end
if KEYS[3] and #members > 0 then
    redis.call('ZREM', KEYS[3], unpack(members))
end
if soon then
    ring(KEYS[2], nap)
end
return held
