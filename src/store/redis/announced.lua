#!lua flags=no-writes
-- KEYS[1]: the presence of an owner. Returns how many processes have announced the chat.
return redis.call('ZCOUNT', KEYS[1], '(' .. formatInteger(milliseconds()), '+inf')
