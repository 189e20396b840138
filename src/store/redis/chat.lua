-- What the scripts of a chat have in common; it stands before each of them.
--
-- The keys of a chat share the hash tag {tag}, so a cluster keeps them in one place:
--   KEYS[1]  hash: door (JSON), version, rights, last (event id), idle (instant), bytes (of all messages), and
--            server (who wrote it last, see `writer`), base (the least id the next event may have),
--            gaps (ids that were never given, or were lost: "after:before" with spaces between),
--            forgotten (the newest join event that is not kept any more). Its name is also that of the channel.
--   KEYS[2]  stream of messages, KEYS[3]  stream of join events: entry <event id>-0, field "e", value JSON
--   KEYS[4]  hash of idempotency keys: key → event id
--
-- Told on the channel is, in one message per change: "m <id before> <instant> <id> <JSON>" for a message,
-- "j <id before> <instant> <first id> <JSON array>" for join events, "g" once the chat is gone.

local CHAT, MESSAGES, JOINS, POSTS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function whole(number)
  return string.format('%.0f', number)
end

-- Fields of the chat, numbers all; nil if there is no chat.
local function numbers(...)
  local values = redis.call('HMGET', CHAT, ...)
  local found = {}
  for index, field in ipairs({...}) do
    if not values[index] then return nil end
    found[field] = tonumber(values[index])
  end
  return found
end

-- Who writes: a process, for as long as it is the master without a break. A server that was the master before comes back
-- with another replication id.
local function writer()
  local info = redis.call('INFO', 'server', 'replication')
  return string.match(info, 'run_id:(%x+)') .. ':' .. string.match(info, 'master_replid:(%x+)')
end

-- A server that is not the one which wrote the chat last may have an older log than that one had: a replica that lagged, or a
-- file that was written a second ago. Readers may know of events that it does not. So ids, version and rights go on from
-- the present millisecond, which is beyond all that was ever given: no number means two things, and whoever decided on
-- what may be lost finds a conflict. Says whether that was so.
local function takeOver()
  local server = writer()
  if redis.call('HGET', CHAT, 'server') == server then return false end
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  local chat = numbers('version', 'rights', 'last')
  redis.call('HSET', CHAT, 'server', server, 'version', whole(math.max(chat.version + 1, now)),
    'rights', whole(math.max(chat.rights + 1, now)), 'base', whole(math.max(chat.last + 1, now)))
  return true
end

-- The id of the next event. What is left out since a server took over belongs to no event.
local function nextId(last)
  local base = tonumber(redis.call('HGET', CHAT, 'base'))
  if base <= last + 1 then return last + 1 end
  local gaps = redis.call('HGET', CHAT, 'gaps')
  redis.call('HSET', CHAT, 'gaps', gaps .. whole(last) .. ':' .. whole(base) .. ' ')
  return base
end

-- Whether a reader can have heard of this event from the log as it is.
local function knows(chat, id)
  if id > chat.last then return false end
  for after, before in string.gmatch(redis.call('HGET', CHAT, 'gaps'), '(%d+):(%d+)') do
    if id > tonumber(after) and id < tonumber(before) then return false end
  end
  return true
end

-- Everything of the chat goes so many milliseconds from now, unless something happens; "0" for never.
local function keepFor(ms)
  for _, key in ipairs(KEYS) do
    if ms == '0' then redis.call('PERSIST', key) else redis.call('PEXPIRE', key, ms) end
  end
end
