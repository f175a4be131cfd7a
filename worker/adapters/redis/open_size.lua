-- How many numbers are scheduled; none where no window is open any more.
--
-- Sought among those that are due last: after an outage all that are left may be past their deadline,
-- and before it the very last one is open. By the caller's clock, like the deadline.
--
-- KEYS  1 the due set
-- ARGV  1 the caller's now in us since 1970
local SCANNED = 1000  -- The server serves nobody else meanwhile.

local now = tonumber(ARGV[1])
for _, page in ipairs({{0, 0}, {1, SCANNED}}) do
    for _, member in ipairs(redis.call('ZRANGE', KEYS[1], page[1], page[2], 'REV')) do
        if tonumber(string.match(member, '%d+$')) >= now then
            return redis.call('ZCARD', KEYS[1])
        end
    end
end
return 0
