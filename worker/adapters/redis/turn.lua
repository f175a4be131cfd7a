-- Whose turn it is to ask a provider that was away whether it answers again.
--
-- One request a second for all processes together; the answer that one of them had is shared. An
-- answer from before the asking process lost the provider is none: that outage is a new one.
--
-- KEYS  1 the turn, 2 the answer
-- ARGV  1 for how long a turn lasts, 2 for how long an answer is kept,
--       3 for how long the asking process has waited, all in ms
-- Gives 'back', 'ask' or 'wait'.
local kept = redis.call('PTTL', KEYS[2])
if kept > 0 and tonumber(ARGV[2]) - kept <= tonumber(ARGV[3]) then
    return 'back'
end
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then
    return 'ask'
end
return 'wait'
