#!lua flags=no-writes
-- Returns [door, version, rights, last, idle], or 'gone'. Read-only, so it also works without free memory or replicas. Only
-- writing scripts call `detectFailover`.
if redis.call('EXISTS', CHAT) == 0 then return 'gone' end
return redis.call('HMGET', CHAT, 'door', 'version', 'rights', 'last', 'idle')
