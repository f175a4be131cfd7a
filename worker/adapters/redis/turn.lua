-- Whose turn it is to ask a provider that was away whether it answers again.
--
-- One request a second for all processes together; the answer that one of them had is shared. An
-- answer from before the asking process lost the provider is none: that outage is a new one.
--
-- They take turns: one whose own way there is cut would else ask each time, and never be answered.
-- Who asked last gives way to another that has waited since; one that stopped waiting is not waited
-- for longer than it is kept.
--
-- KEYS  1 the turn, 2 the answer, 3 who asked last, 4 who waits
-- ARGV  1 for how long a turn lasts, 2 for how long an answer is kept,
--       3 for how long the asking process has waited, all in ms, 4 the asking process
-- Gives 'back', 'ask' or 'wait'.
local kept = redis.call('PTTL', KEYS[2])
if kept > 0 and tonumber(ARGV[2]) - kept <= tonumber(ARGV[3]) then
    return 'back'
end
local asked_last = redis.call('GET', KEYS[3]) == ARGV[4]
local waits = redis.call('GET', KEYS[4])
if not asked_last and redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('SET', KEYS[4], ARGV[4], 'PX', ARGV[1])
    return 'wait'
end
if asked_last and waits and waits ~= ARGV[4] then
    return 'wait'
end
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then
    redis.call('SET', KEYS[3], ARGV[4], 'PX', 2 * tonumber(ARGV[1]))
    if waits == ARGV[4] then
        redis.call('DEL', KEYS[4])
    end
    return 'ask'
end
return 'wait'
