#!lua flags=no-writes
-- Gives [door, version, rights, last, idle], or 'gone'. Reading needs no room and no replicas; whether another server
-- has taken over is looked at by who writes.
if redis.call('EXISTS', CHAT) == 0 then return 'gone' end
return redis.call('HMGET', CHAT, 'door', 'version', 'rights', 'last', 'idle')
