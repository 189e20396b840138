#!lua flags=no-writes
-- ARGV: event id after which to read, last event id to read ('' for the end of the log), maximum bytes, '1' if the events
-- that can be forgotten are needed, too, '1' to read although messages were lost. Returns [id, kind, JSON, id, kind, JSON, …], or 'gone',
-- 'cursor-unknown', 'lost'.
local COUNT = 200
local chat = numbers('last', 'forgotten')
if not chat then return 'gone' end
if ARGV[5] == '' and hasLostMessages() then return 'lost' end
local after, maxBytes = tonumber(ARGV[1]), tonumber(ARGV[3])
local upTo = ARGV[2] == '' and chat.last or tonumber(ARGV[2])
if after > upTo or not isKnownId(chat, after) then return 'cursor-unknown' end
if ARGV[4] == '1' and after < chat.forgotten then return 'cursor-unknown' end
upTo = math.min(upTo, chat.last)

-- The entries of a stream after `after`, read COUNT at a time.
local function reader(stream, kind)
  local from, page, index = after, {}, 0
  local function peek()
    if index >= #page and from then
      page, index = redis.call('XRANGE', stream, formatInteger(from + 1) .. '-0', formatInteger(upTo) .. '-0', 'COUNT', COUNT), 0
      from = #page == COUNT and tonumber(string.match(page[COUNT][1], '%d+')) or nil
    end
    local entry = page[index + 1]
    if not entry then return nil end
    return {id = tonumber(string.match(entry[1], '%d+')), kind = kind, json = entry[2][2]}
  end
  return {peek = peek, pass = function() index = index + 1 end}
end

local readers = {reader(MESSAGES, 'm'), reader(JOINS, 'j'), reader(KEPT, 'j')}
local events, size = {}, 0
while true do
  local event, source
  for _, one in ipairs(readers) do
    local next = one.peek()
    if next and (not event or next.id < event.id) then event, source = next, one end
  end
  if not event then break end
  size = size + #event.json
  if #events > 0 and size > maxBytes then break end
  events[#events + 1], events[#events + 2], events[#events + 3] = formatInteger(event.id), event.kind, event.json
  source.pass()
end
return events
