-- Make due what a dead process still holds on the schedule of one provider.
--
-- Acts only while the score still equals the lease: somebody else may hold the number since.
--
-- KEYS  1 the due set, 2 what rings for those who nap, 3 what the process held: member, its lease
--       as the score
-- ARGV  1 how long in us they may nap
-- Gives how many it held.
local now = microseconds()
local freed = 0
local held = redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES')
for i = 1, #held, 2 do
    local score = redis.call('ZSCORE', KEYS[1], held[i])
    if score and tonumber(score) == tonumber(held[i + 1]) then
        redis.call('ZADD', KEYS[1], plain(now), held[i])
        freed = freed + 1
    end
end
redis.call('DEL', KEYS[3])
if freed > 0 then
    ring(KEYS[2], tonumber(ARGV[1]))
end
return freed
