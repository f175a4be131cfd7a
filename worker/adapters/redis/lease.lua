-- Lease the numbers that are due at one provider, and pay one request of its budget for each.
--
-- One script, because two workers must neither get the same number nor the same request.
-- A re-score to the end of the lease, not a removal: if the worker dies, the number is due again;
-- sooner where somebody sees that it died, for which is kept what each process holds.
-- The lease is the fencing token: `release` acts only while the score still equals it.
--
-- What is past its deadline is dropped here and costs no request: nobody may be shown its code any
-- more, and after an outage there are thousands of them. By the caller's clock, like the deadline.
--
-- KEYS  1 the due set, 2 the budget, 3 what this process holds; without it only time frees them
-- ARGV  1 the most to lease, 2 the lease in us, 3 the interval, 4 how far ahead, in us,
--       5 the caller's now in us since 1970
-- Gives the lease, the wait in us until there may be more (-1: nothing is scheduled), and for each
-- member how late it is in us and the member.
local DROPPED_MAX = 2000  -- The server serves nobody else meanwhile.

local now = microseconds()
local interval, ahead = tonumber(ARGV[3]), tonumber(ARGV[4])
local paid_until, allowed = budget(KEYS[2], now, interval, ahead)
local most, callers_now = math.min(tonumber(ARGV[1]), allowed), tonumber(ARGV[5])

local members, late, dropped = {}, {}, 0
repeat
    local page = redis.call(
        'ZRANGE', KEYS[1], '-inf', plain(now), 'BYSCORE', 'LIMIT', #members, most - #members,
        'WITHSCORES')
    local too_late = {}
    for i = 1, #page, 2 do
        local member = page[i]
        if tonumber(string.match(member, '%d+$')) < callers_now then
            too_late[#too_late + 1] = member
        else
            members[#members + 1] = member
            late[#members] = now - page[i + 1]
        end
    end
    if #too_late > 0 then
        redis.call('ZREM', KEYS[1], unpack(too_late))
        dropped = dropped + #too_late
    end
until #too_late == 0 or dropped >= DROPPED_MAX

local lease = now + tonumber(ARGV[2])
if #members > 0 then
    paid_until = pay(KEYS[2], now, paid_until, #members, interval)
    local scores = {}
    for i, member in ipairs(members) do
        scores[2 * i - 1] = plain(lease)
        scores[2 * i] = member
    end
    redis.call('ZADD', KEYS[1], 'XX', unpack(scores))
    if KEYS[3] then
        redis.call('ZADD', KEYS[3], unpack(scores))
        redis.call('PEXPIRE', KEYS[3], plain(2 * ARGV[2] / 1000 + 60000))
    end
end

local wait = -1
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if first[2] then
    local affordable = paid_until + interval - ahead
    wait = math.max(0, first[2] - now, affordable - now)
end
local leased = {lease, wait}
for i, member in ipairs(members) do
    leased[2 * i + 1] = late[i]
    leased[2 * i + 2] = member
end
return leased
