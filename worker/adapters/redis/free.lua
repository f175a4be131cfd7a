-- Make due what a process still holds on the schedule of one provider, and nobody works on: all of a
-- dead one, all of a living one that went on without Redis meanwhile, and of any other what leases
-- took that were not answered.
--
-- Acts only while the score still equals the lease: somebody else may hold the number since.
--
-- KEYS  1 the due set, 2 what rings for those who nap, 3 what the process holds: member, its lease
--       as the score
-- ARGV  1 how long in us they may nap, then the leases that were answered: those are left alone
-- Gives how many are due by this.
local now = microseconds()
local answered = {}
for i = 2, #ARGV do
    answered[tonumber(ARGV[i])] = true
end
local freed = 0
local held = redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES')
for i = 1, #held, 2 do
    local member, lease = held[i], tonumber(held[i + 1])
    if not answered[lease] then
        local score = redis.call('ZSCORE', KEYS[1], member)
        if score and tonumber(score) == lease then
            redis.call('ZADD', KEYS[1], plain(now), member)
            freed = freed + 1
        end
        redis.call('ZREM', KEYS[3], member)
    end
end
if freed > 0 then
    ring(KEYS[2], tonumber(ARGV[1]))
end
return freed
