-- Pay requests of a provider's budget that are not looks: lists, cancels, finishes.
--
-- Atomic, because cancels and looks of all workers share what the provider allows.
--
-- KEYS  1 the budget, 2 who waits for more of it
-- ARGV  1 how many are wanted, 2 the interval, 3 how far ahead, in us, 4 the need
-- Gives how many were granted.
local now = microseconds()
local wanted, interval, need = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local paid_until, allowed = budget(KEYS[1], now, interval, tonumber(ARGV[3]))
local granted = math.min(wanted, allowed_for(need, KEYS[2], now, allowed, interval))
if granted > 0 then
    pay(KEYS[1], now, paid_until, granted, interval)
end
note_need(need, KEYS[2], now, granted, granted < wanted)
return granted
