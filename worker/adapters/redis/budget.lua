-- The clock and the request budget of one provider, shared by the scripts that spend, and its ring.
--
-- The server's clock, so that workers whose clocks differ still spend one common budget.
-- The budget is one number (GCRA): the instant by which everything granted so far is paid for.
-- It may lie `ahead` of now, by the requests that may be made at once. If it lies further, the
-- server's clock was set back: without the clamp the provider would get nothing until it is there
-- again.
local function microseconds()
    local now = redis.call('TIME')
    return now[1] * 1000000 + now[2]
end

local function plain(number)
    return string.format('%.0f', number)
end

local function budget(key, now, interval, ahead)
    local paid_until = tonumber(redis.call('GET', key) or 0)
    paid_until = math.min(math.max(paid_until, now), now + ahead)
    return paid_until, math.floor((now + ahead - paid_until) / interval)
end

local function pay(key, now, paid_until, requests, interval)
    paid_until = paid_until + requests * interval
    -- An idle budget is full, which is what no key means; a second is for rounding.
    redis.call('SET', key, plain(paid_until), 'PX', plain((paid_until - now) / 1000 + 1000))
    return paid_until
end

-- Who goes first where the budget is not enough: need 0 before 1 before 2 (`Need` in schedule.py).
-- In the need key, `w` and a need: until when it waits for more; `s` and a need: when it was served.
-- While a greater need waits, a lesser one gets one request in some intervals, so that none starves.
local WANTS, SHARES = 250000, {[0] = 1, 4, 10}  -- As in rate.py.

local function allowed_for(need, key, now, allowed, interval)
    if need == 0 then
        return allowed
    end
    local known = redis.call('HMGET', key, 'w0', 'w1', 's' .. need)
    local waits = false
    for greater = 0, need - 1 do
        local wants_until = tonumber(known[greater + 1] or 0)
        -- Further away than anybody can want: the server's clock was set back.
        waits = waits or (now < wants_until and wants_until <= now + WANTS)
    end
    if not waits then
        return allowed
    end
    local served = tonumber(known[3] or 0)
    local share = served > now or now - served >= SHARES[need] * interval
    return share and math.min(allowed, 1) or 0
end

local function note_need(need, key, now, granted, wants_more)
    -- Only while the budget is short: else nobody reads it, and nothing is written.
    if not wants_more and (need == 0 or granted == 0 or redis.call('EXISTS', key) == 0) then
        return
    end
    if wants_more then
        redis.call('HSET', key, 'w' .. need, plain(now + WANTS))
    end
    if granted > 0 then
        redis.call('HSET', key, 's' .. need, plain(now))
    end
    redis.call('PEXPIRE', key, 2000)
end

-- Wake one who naps before the next look is due. The ring is gone with who hears it, or with the nap.
local function ring(key, nap)
    if redis.call('EXISTS', key) == 0 then
        redis.call('RPUSH', key, '1')
    end
    redis.call('PEXPIRE', key, plain(math.ceil(nap / 1000)))
end
