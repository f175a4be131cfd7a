-- Claim the numbers that are due at one provider, and pay one request of its budget for each.
--
-- One script, because two workers must neither get the same number nor the same request.
-- A re-score to the end of the lease, not a removal: if the worker dies, the number is due again.
-- The lease is the fencing token: `release` acts only while the score still equals it.
--
-- KEYS  1 the due set, 2 the budget
-- ARGV  1 the most to claim, 2 the lease in us, 3 the interval, 4 how far ahead, in us
-- Gives the lease, the wait in us until there may be more (-1: nothing is scheduled), members.
local now = microseconds()
local interval, ahead = tonumber(ARGV[3]), tonumber(ARGV[4])
local paid_until, allowed = budget(KEYS[2], now, interval, ahead)
local members = redis.call(
    'ZRANGE', KEYS[1], '-inf', plain(now), 'BYSCORE',
    'LIMIT', 0, math.min(tonumber(ARGV[1]), allowed))

local lease = now + tonumber(ARGV[2])
if #members > 0 then
    paid_until = pay(KEYS[2], now, paid_until, #members, interval)
    local scores = {}
    for i, member in ipairs(members) do
        scores[2 * i - 1] = plain(lease)
        scores[2 * i] = member
    end
    redis.call('ZADD', KEYS[1], 'XX', unpack(scores))
end

local wait = -1
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if first[2] then
    local affordable = paid_until + interval - ahead
    wait = math.max(0, first[2] - now, affordable - now)
end
return {lease, wait, unpack(members)}
