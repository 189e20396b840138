#!lua flags=allow-oom
-- KEYS[1]: a handover. ARGV: the instant of the caller, whose clock can differ from this one. Returns [text], or 'gone'.
local expiresAt, text = string.match(redis.call('GETDEL', KEYS[1]) or '', '^(%d+) (.*)$')
if not expiresAt or tonumber(expiresAt) <= tonumber(ARGV[1]) then return 'gone' end
return {text}
