#!lua flags=no-writes
-- Returns [last, idle], or 'gone'.
if redis.call('EXISTS', CHAT) == 0 then return 'gone' end
return redis.call('HMGET', CHAT, 'last', 'idle')
