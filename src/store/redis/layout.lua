#!lua flags=allow-oom
-- KEYS[1]: the layout. ARGV: the layout that the caller writes. Raises the stored layout to it.
local stored = tonumber(redis.call('GET', KEYS[1]) or 0)
if stored and stored < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
return 1
