-- Pay requests of a provider's budget that are not looks: lists, cancels, finishes.
--
-- Atomic, because cancels and looks of all workers share what the provider allows.
--
-- KEYS  1 the budget
-- ARGV  1 how many are wanted, 2 the interval, 3 how far ahead, in us
-- Gives how many were granted.
local now = microseconds()
local interval = tonumber(ARGV[2])
local paid_until, allowed = budget(KEYS[1], now, interval, tonumber(ARGV[3]))
local granted = math.min(tonumber(ARGV[1]), allowed)
if granted > 0 then
    pay(KEYS[1], now, paid_until, granted, interval)
end
return granted
