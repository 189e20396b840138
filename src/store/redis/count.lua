#!lua
-- KEYS[1]: a counter. ARGV: increment, lifetime in ms from its first use. Returns [total, remaining ms].
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {total, left}
