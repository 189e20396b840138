#!lua
-- ARGV: head, rights, instant, TTL in ms, then guest and record of each request. Returns 1, or 'taken'.
if redis.call('EXISTS', CHAT) == 1 then return 'taken' end
local head, rights, instant, ttl = unpack(ARGV, 1, 4)
redis.call('UNLINK', unpack(KEYS))
redis.call('HSET', CHAT, 'layout', 2, 'head', head, 'version', 1, 'headVersion', 1, 'floor', 1, 'rights', rights, 'last', 0,
  'idle', instant, 'bytes', 0, 'server', serverIdentity(), 'base', 1, 'gaps', '', 'forgotten', 0, 'lastOld', 0,
  'count', 0)
for index = 5, #ARGV, 2 do redis.call('HSET', REQUESTS, ARGV[index], ARGV[index + 1]) end
expireIn(ttl)
return 1
