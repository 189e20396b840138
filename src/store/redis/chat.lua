-- Inserted before each script (scripts.ts).
--
-- The keys of a chat share the hash tag {tag}, so a cluster stores them in the same slot:
--   KEYS[1]  hash: layout (2), head (JSON of the door without its requests), version, headVersion (the version that
--            changed the head last), rights, last (event id), idle (instant), bytes (of all messages), and
--            floor (changes since this version or a later one are in KEYS[6]), server (which server wrote it last, see `serverIdentity`), base (the lowest id for the next event),
--            gaps (ranges of ids without events: "after:before", separated by spaces),
--            forgotten (the newest event that was dropped), lastOld (the last event of layout 1),
--            count (number of messages; chats of earlier versions get it with their next event), lossAt (the last event when
--            a loss was recorded, see `recordLoss`).
--            Its name is also the name of the channel. Layout 1 has no layout, head, headVersion, floor and lastOld, but
--            door (JSON with the requests); the first commit stores it anew.
--   KEYS[2]  stream of messages, KEYS[3]  stream of the other events that can be forgotten, KEYS[7]  of those that never are:
--            entry <event id>-0, field "e", value JSON. Layout 1 had all join events in KEYS[3].
--   KEYS[4]  hash of idempotency keys: key → event id
--   KEYS[5]  hash of join requests: guest → record (codec.ts)
--   KEYS[6]  sorted set of the guests whose records have changed, by version; the latest MAX_CHANGES at least
--
-- Each change publishes one message on the channel: "m <previous id> <instant> <id> <JSON>" for a message,
-- "j <previous id> <instant> <first id> <JSON array>" for other events, "g" when the chat is removed, "l" when a loss was
-- recorded: readers then read the log.
--
-- silly-chat:{handover:<id>}  string: the instant at which it expires, a space, the sealed text
-- silly-chat:{owner:<tag>}  sorted set of the processes at which the chat's owner has streams, by the instant at which that
--            lapses; expires with the last of them
-- silly-chat:{layout}  the layout that the newest version that has used this Redis writes

local CHAT, MESSAGES, JOINS, POSTS, REQUESTS, CHANGES, KEPT = unpack(KEYS)
local MAX_CHANGES = 1000

local function formatInteger(number)
  return string.format('%.0f', number)
end

-- The server's clock, in milliseconds.
local function milliseconds()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Numeric fields of the chat; nil if there is no chat.
local function numbers(...)
  local values = redis.call('HMGET', CHAT, ...)
  local found = {}
  for index, field in ipairs({...}) do
    if not values[index] then return nil end
    found[field] = tonumber(values[index])
  end
  return found
end

-- Identifies this server process and its current, uninterrupted time as master: a master that comes back after a failover
-- has another replication id.
local function serverIdentity()
  local info = redis.call('INFO', 'server', 'replication')
  return string.match(info, 'run_id:(%x+)') .. ':' .. string.match(info, 'master_replid:(%x+)')
end

-- If another server wrote the chat last, this one can have an older log: it was a replica that lagged, or it has restarted from
-- a file that misses the last second. Readers can know events that it does not have. So ids, version and rights continue
-- from the current time in milliseconds, which is greater than every number used before: no number is used twice, and
-- decisions based on lost state conflict. Returns whether that was the case. See docs/decisions/event-ids-jump.md.
local function detectFailover()
  local server = serverIdentity()
  if redis.call('HGET', CHAT, 'server') == server then return false end
  local now = milliseconds()
  local chat = numbers('version', 'rights', 'last')
  redis.call('HSET', CHAT, 'server', server, 'version', formatInteger(math.max(chat.version + 1, now)),
    'rights', formatInteger(math.max(chat.rights + 1, now)), 'base', formatInteger(math.max(chat.last + 1, now)),
    'floor', formatInteger(math.max(chat.version + 1, now)))
  return true
end

-- The id of the next event. Records the ids that a failover has skipped as a gap.
local function nextId(last)
  local base = tonumber(redis.call('HGET', CHAT, 'base'))
  if base <= last + 1 then return last + 1 end
  local gaps = redis.call('HGET', CHAT, 'gaps')
  redis.call('HSET', CHAT, 'gaps', gaps .. formatInteger(last) .. ':' .. formatInteger(base) .. ' ')
  return base
end

-- Whether the log has fewer messages than were posted: Redis has evicted them, or somebody has deleted them.
local function hasLostMessages()
  local count = redis.call('HGET', CHAT, 'count')
  return count and redis.call('XLEN', MESSAGES) < tonumber(count)
end

-- Records that messages were lost. Readers may know them, so all ids up to now become unknown, and the last event id jumps
-- to the current time in milliseconds: readers get `reset`, each of them once.
local function recordLoss()
  local chat = numbers('last', 'base')
  local last = math.max(chat.last + 1, chat.base, milliseconds())
  redis.call('HSET', CHAT, 'lossAt', formatInteger(chat.last), 'last', formatInteger(last),
    'base', formatInteger(last + 1), 'count', redis.call('XLEN', MESSAGES),
    'gaps', redis.call('HGET', CHAT, 'gaps') .. formatInteger(chat.last) .. ':' .. formatInteger(last) .. ' ')
  if redis.call('XLEN', MESSAGES) == 0 then redis.call('HSET', CHAT, 'bytes', 0) end
  redis.call('SPUBLISH', CHAT, 'l')
end

-- Whether this id is 0 or belongs to an event of this log, even if the event was dropped since.
local function isKnownId(chat, id)
  if id > chat.last then return false end
  if id > 0 and id <= tonumber(redis.call('HGET', CHAT, 'lossAt') or 0) then return false end
  for after, before in string.gmatch(redis.call('HGET', CHAT, 'gaps'), '(%d+):(%d+)') do
    if id > tonumber(after) and id < tonumber(before) then return false end
  end
  return true
end

-- Lets keys expire together with the chat.
local function expireLike(...)
  local ttl = redis.call('PTTL', CHAT)
  if ttl < 0 then return end
  for _, key in ipairs({...}) do redis.call('PEXPIRE', key, ttl) end
end

-- Lets all keys of the chat expire after this time; "0" for never.
local function expireIn(ms)
  for _, key in ipairs(KEYS) do
    if ms == '0' then redis.call('PERSIST', key) else redis.call('PEXPIRE', key, ms) end
  end
end
