-- Make due what a dead process still holds on the schedule of one provider.
--
-- Acts only while the score still equals the lease: somebody else may hold the number since.
--
-- KEYS  1 the due set, 2 what the process held: member, its lease as the score
-- Gives how many it held.
local now = microseconds()
local freed = 0
local held = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for i = 1, #held, 2 do
    local score = redis.call('ZSCORE', KEYS[1], held[i])
    if score and tonumber(score) == tonumber(held[i + 1]) then
        redis.call('ZADD', KEYS[1], plain(now), held[i])
        freed = freed + 1
    end
end
redis.call('DEL', KEYS[2])
return freed
