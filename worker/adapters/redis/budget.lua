-- The clock and the request budget of one provider, shared by the scripts that spend.
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
