#!lua flags=allow-oom
-- KEYS[1]: the presence of an owner. ARGV: a process. Returns 1 if it had announced the chat, otherwise 0.
return redis.call('ZREM', KEYS[1], ARGV[1])
