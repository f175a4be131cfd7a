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
-- Where the budget is not enough for all that are due, those whose window ends soon come first: their
-- last look cannot be made later. They are sought among the oldest and the newest of what is due: a
-- last look is among the newest, and what has waited for long among the oldest.
--
-- KEYS  1 the due set, 2 the budget, 3 who waits for more of it, 4 what this process holds; without it
--       only time frees them
-- ARGV  1 the most to lease, 2 the lease in us, 3 the interval, 4 how far ahead, in us,
--       5 the caller's now in us since 1970, 6 how soon is soon, in us
-- Gives the lease, the wait in us until there may be more (-1: nothing is scheduled), and for each
-- member how late it is in us and the member.
local DROPPED_MAX = 2000  -- The server serves nobody else meanwhile.
local SCANNED = 1000  -- From either end; for the same reason.

local now = microseconds()
local interval, ahead = tonumber(ARGV[3]), tonumber(ARGV[4])
local paid_until, allowed = budget(KEYS[2], now, interval, ahead)
local limit, callers_now = tonumber(ARGV[1]), tonumber(ARGV[5])
local most = math.min(limit, allowed)

local function deadline_of(member)
    return tonumber(string.match(member, '%d+$'))
end

-- The oldest that are due, one more than can be paid: so that it is seen whether there are more.
local due, late_by, dropped = {}, {}, 0
repeat
    local page = redis.call(
        'ZRANGE', KEYS[1], '-inf', plain(now), 'BYSCORE', 'LIMIT', #due, most + 1 - #due,
        'WITHSCORES')
    local too_late = {}
    for i = 1, #page, 2 do
        local member = page[i]
        if deadline_of(member) < callers_now then
            too_late[#too_late + 1] = member
        else
            due[#due + 1] = member
            late_by[member] = now - page[i + 1]
        end
    end
    if #too_late > 0 then
        redis.call('ZREM', KEYS[1], unpack(too_late))
        dropped = dropped + #too_late
    end
until #too_late == 0 or dropped >= DROPPED_MAX

local members, late, leased_now, ending = {}, {}, {}, {}
local function take(member)
    members[#members + 1] = member
    late[#members] = late_by[member]
    leased_now[member] = true
end

-- Also where all of them could be paid, but a greater need waits: a last look is that need itself.
local plainly = math.min(most, allowed_for(1, KEYS[3], now, allowed, interval))
if #due > plainly then
    local latest, seen = callers_now + tonumber(ARGV[6]), {}
    for _, page in ipairs({
        redis.call('ZRANGE', KEYS[1], '-inf', plain(now), 'BYSCORE', 'LIMIT', 0, SCANNED,
                   'WITHSCORES'),
        redis.call('ZRANGE', KEYS[1], plain(now), '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, SCANNED,
                   'WITHSCORES'),
    }) do
        for i = 1, #page, 2 do
            local deadline = deadline_of(page[i])
            if not seen[page[i]] and deadline <= latest and deadline >= callers_now then
                ending[#ending + 1] = {deadline, page[i]}
                late_by[page[i]] = now - page[i + 1]
            end
            seen[page[i]] = true
        end
    end
    table.sort(ending, function(a, b) return a[1] < b[1] end)
    for i = 1, math.min(most, #ending) do
        take(ending[i][2])
    end
    note_need(0, KEYS[3], now, #members, #ending > #members and most == allowed)
end

local urgent = #members
plainly = math.min(
    most - urgent, allowed_for(1, KEYS[3], now, math.max(0, allowed - urgent), interval))
for _, member in ipairs(due) do
    if #members - urgent < plainly and not leased_now[member] then
        take(member)
    end
end
note_need(1, KEYS[3], now, #members - urgent, #due > #members and #members < limit)

local lease = now + tonumber(ARGV[2])
if #members > 0 then
    paid_until = pay(KEYS[2], now, paid_until, #members, interval)
    local scores = {}
    for i, member in ipairs(members) do
        scores[2 * i - 1] = plain(lease)
        scores[2 * i] = member
    end
    redis.call('ZADD', KEYS[1], 'XX', unpack(scores))
    if KEYS[4] then
        redis.call('ZADD', KEYS[4], unpack(scores))
        redis.call('PEXPIRE', KEYS[4], plain(2 * ARGV[2] / 1000 + 60000))
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
