#!lua flags=allow-oom
-- Gives [door, version, rights, last, idle], or 'gone'.
if redis.call('EXISTS', CHAT) == 0 then return 'gone' end
takeOver()
return redis.call('HMGET', CHAT, 'door', 'version', 'rights', 'last', 'idle')
