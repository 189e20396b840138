#!lua flags=no-writes
-- ARGV: '1' to read although messages were lost. Returns [last, idle], or 'gone', 'lost'.
if redis.call('EXISTS', CHAT) == 0 then return 'gone' end
if ARGV[1] == '' and hasLostMessages() then return 'lost' end
return redis.call('HMGET', CHAT, 'last', 'idle')
