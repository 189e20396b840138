/** Reading backwards: the newest messages and join requests, and those before one of them. */
import { describe, expect, it } from 'vitest'
import type { Store } from '../../../src/chat/store.ts'
import { messages } from '../../../src/wire/schemas/chats.ts'
import { joinRequests } from '../../../src/wire/schemas/join-requests.ts'
import { NOON } from '../../store/contract/support.ts'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  decline,
  knock,
  post,
  problemOf,
  refusal,
  requestsOf,
  STRANGER
} from '../../support/api.ts'
import { startServer } from '../../support/server.ts'

/** A chat with six messages, a to f, between join events: a has the id 3, then come 4, 6, 7, 8 and 10; the last event is 11. */
async function aChatToRead(wrap?: (store: Store) => Store) {
  const server = await startServer(wrap && { wrap })
  const { chat, owner, link, member } = await createChatWithMember(server)
  for (const text of ['a', 'b', '', 'c', 'd', 'e', '', 'f', '']) {
    if (text === '') await knock(link)
    else await post(chat, owner, text)
  }
  const ask = (query: string, user = member) => call(`${chat}?${query}`, { user })
  return {
    server,
    chat,
    owner,
    link,
    member,
    ask,
    read: async (query: string) => messages.strict().parse(await (await ask(query)).json())
  }
}

describe('the newest messages', () => {
  it('are those at the end, oldest first, with the last event of the chat and whether there are older ones', async () => {
    const { chat, read } = await aChatToRead()
    const created_at = '2026-11-22T12:00:00.000Z'
    expect(await read('last=2')).toMatchObject({
      chat,
      messages: [
        { id: 8, text: 'e', created_at },
        { id: 10, text: 'f', created_at }
      ],
      last_event_id: 11,
      has_more: true
    })
  })

  it.each<[query: string, texts: string, hasMore: boolean]>([
    ['last=1', 'f', true],
    ['last=5', 'bcdef', true],
    ['last=6', 'abcdef', false],
    ['last=1000', 'abcdef', false],
    ['last=2&before=10', 'de', true],
    ['last=2&before=9', 'de', true],
    ['last=3&before=8', 'bcd', true],
    ['last=4&before=8', 'abcd', false],
    ['last=1&before=5', 'b', true],
    ['last=2&before=4', 'a', false],
    ['last=2&before=3', '', false],
    ['last=2&before=1', '', false],
    ['last=2&before=0', '', false],
    ['last=2&before=11', 'ef', true],
    ['last=2&before=12', 'ef', true],
    ['last=2&before=1764000000000', 'ef', true],
    ['last=2&before=9007199254740993', 'ef', true],
    ['last=2&before=99999999999999999999', 'ef', true],
    [`last=2&before=${'9'.repeat(400)}`, 'ef', true],
    ['last=2&before=007', 'bc', true],
    ['last=6&before=', 'abcdef', false],
    ['last=2&after=&limit=&wait=&last_event_id=', 'ef', true],
    ['LAST=2&Before=8', 'cd', true]
  ])('with %s are "%s"', async (query, texts, hasMore) => {
    const { read } = await aChatToRead()
    const page = await read(query)
    expect(page.messages.map(({ text }) => text).join('')).toBe(texts)
    expect([page.last_event_id, page.has_more]).toEqual([11, hasMore])
  })

  it('of an empty chat are none', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    for (const query of ['last=3', 'last=3&before=0', 'last=3&before=7']) {
      expect(await (await call(`${chat}?${query}`, { user: owner })).json()).toMatchObject({
        chat,
        messages: [],
        last_event_id: 0,
        has_more: false
      })
    }
  })

  it('are all read by going backwards, in as many answers as needed, also if an answer is larger than a page of the store', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const sent = Array.from({ length: 103 }, (_, index) => `${index} ${'x'.repeat(3900)}`)
    for (const text of sent) await post(chat, owner, text)
    let found: string[] = []
    let answers = 0
    for (let before = '', hasMore = true; hasMore; ) {
      const answer = await call(`${chat}?last=50${before}`, { user: owner })
      const page = messages.strict().parse(await answer.json())
      expect(page.last_event_id).toBe(103)
      found = [...page.messages.map(({ text }) => text), ...found]
      before = `&before=${page.messages[0]?.id}`
      hasMore = page.has_more
      answers++
    }
    expect(found).toEqual(sent)
    expect(answers).toBe(3)
  })

  it('are read like all others: members only, with a HEAD', async () => {
    const { chat, owner, ask } = await aChatToRead()
    expect(await refusal(await ask('last=1', STRANGER))).toEqual([403, 'not-a-member'])
    expect(await refusal(await call(`${chat}?last=1`))).toEqual([401, 'user-id-required'])
    expect((await call(`HEAD ${chat}?last=1`, { user: owner })).status).toBe(200)
    expect(await (await call(`${chat}?last=1&user_id=${owner}`)).json()).toMatchObject({ messages: [{ text: 'f' }] })
  })

  it('end at the last event of the answer, also if another is posted while they are read', async () => {
    let isReading = false
    const { read } = await aChatToRead((store) => ({
      ...store,
      newestMessages: async (tag, newest) => {
        if (isReading) await store.append(tag, 0, { from: 'owner', text: 'g', createdAt: NOON })
        return await store.newestMessages(tag, newest)
      },
      messages: async (tag, start, page) => {
        if (isReading) await store.append(tag, 0, { from: 'owner', text: 'h', createdAt: NOON })
        return await store.messages(tag, start, page)
      }
    }))
    const readLate = async (query: string) => {
      isReading = true
      const { messages, last_event_id } = await read(query)
      isReading = false
      return [messages.map(({ text }) => text).join(''), last_event_id]
    }
    expect(await readLate('last=2')).toEqual(['ef', 11])
    expect(await readLate('last=1000')).toEqual(['abcdefgh', 13])
    expect(await readLate('last=3')).toEqual(['hgh', 15])
  })

  it('of a chat that is closed while they are read are 404', async () => {
    const { ask } = await aChatToRead((store) => ({
      ...store,
      newestMessages: async (tag, newest) => {
        await store.remove(tag)
        return await store.newestMessages(tag, newest)
      }
    }))
    expect(await refusal(await ask('last=2'))).toEqual([404, 'chat-not-found'])
  })
})

describe('a query for the newest messages', () => {
  const PAGE = 'Send a whole number from 1 to 1,000.'
  const EVENT = 'Send an event id: a whole number from 0.'
  const EITHER = 'Leave out either this or `last`: they cannot be combined.'
  const ALONE = 'Send `last` as well: how many to read.'

  it.each<[query: string, ...errors: [path: string, message: string][]]>([
    ['last=0', ['last', PAGE]],
    ['last=1001', ['last', PAGE]],
    [`last=${'9'.repeat(400)}`, ['last', PAGE]],
    ['last=-1', ['last', PAGE]],
    ['last=1.5', ['last', PAGE]],
    ['last=ten', ['last', PAGE]],
    ['last=1&last=1', ['last', 'Send `last` once.']],
    ['before=5', ['before', ALONE]],
    ['before=0', ['before', ALONE]],
    ['before=5&last=', ['before', ALONE]],
    ['before=5&limit=2', ['before', ALONE]],
    ['BEFORE=5', ['BEFORE', ALONE]],
    ['last=2&before=-1', ['before', EVENT]],
    ['last=2&before=1.5', ['before', EVENT]],
    ['last=2&before=x', ['before', EVENT]],
    ['last=2&before=+3', ['before', EVENT]],
    ['last=2&before=3&before=4', ['before', 'Send `before` once.']],
    ['last=2&after=3', ['after', EITHER]],
    ['last=2&after=0', ['after', EITHER]],
    ['last=2&last_event_id=3', ['last_event_id', EITHER]],
    ['last=2&limit=2', ['limit', EITHER]],
    ['last=2&wait=1', ['wait', EITHER]],
    ['last=2&before=9&after=3&limit=2&wait=1', ['after', EITHER], ['limit', EITHER], ['wait', EITHER]],
    ['newest=2', ['newest', 'Send `last`: how many of the newest messages to read.']],
    ['last=2&until=9', ['until', 'Send `before`: the event id before which to read.']],
    ['lsat=2', ['lsat', 'Did you mean `last`?']],
    ['last=2&befor=9', ['befor', 'Did you mean `before`?']]
  ])('is refused with sentences of ours: %s', async (query, ...errors) => {
    const { ask } = await aChatToRead()
    const problem = await problemOf(await ask(query))
    expect(problem).toMatchObject({ status: 400, kind: 'invalid-request' })
    expect(problem.errors).toEqual(errors.map(([path, message]) => ({ path, message })))
  })
})

/** A chat with six join requests: each name begins with the state. */
async function aDoorToRead() {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const ids = new Map<string, string>()
  for (const name of ['declined', 'pending 1', 'approved 1', 'closed', 'pending 2', 'approved 2']) {
    const { client, requestId } = await knock(link, name)
    ids.set(name, requestId)
    if (name.startsWith('approved')) await approve(link, owner, requestId)
    if (name === 'declined') await decline(link, owner, requestId)
    if (name === 'closed') await call(`DELETE ${link}/request`, { user: client })
  }
  const ask = (query: string, user = owner) => {
    // Names of requests stand for their ids.
    const withIds = query.replace(/(?<=before=)[a-z].*/, (name) => ids.get(name) ?? name)
    return call(`${chat}/join-requests?${withIds}`, { user })
  }
  return { server, chat, owner, link, ids, ask }
}

describe('the join requests', () => {
  const D = 'declined'
  const C = 'closed'
  const [P1, P2, A1, A2] = ['pending 1', 'pending 2', 'approved 1', 'approved 2']

  it.each<[query: string, names: (string | undefined)[], hasMore: boolean | undefined]>([
    ['', [D, P1, A1, C, P2, A2], undefined],
    ['state=', [D, P1, A1, C, P2, A2], undefined],
    ['state=pending', [P1, P2], undefined],
    ['state=approved', [A1, A2], undefined],
    ['state=ended', [D, C], undefined],
    ['last=1', [A2], true],
    ['last=5', [P1, A1, C, P2, A2], true],
    ['last=6', [D, P1, A1, C, P2, A2], false],
    ['last=1000&before=', [D, P1, A1, C, P2, A2], false],
    ['last=2&before=pending 2', [A1, C], true],
    ['last=3&before=closed', [D, P1, A1], false],
    ['last=3&before=declined', [], false],
    ['state=pending&last=1', [P2], true],
    ['state=pending&last=1&before=pending 2', [P1], false],
    // The request that `before` names can have changed its state since it was listed.
    ['state=pending&last=2&before=approved 1', [P1], false],
    ['state=ended&last=1&before=approved 2', [C], true],
    ['state=approved&last=3&before=pending 1', [], false]
  ])('with "%s"', async (query, names, hasMore) => {
    const { ask } = await aDoorToRead()
    const page = joinRequests.strict().parse(await (await ask(query)).json())
    expect(page.join_requests.map(({ name }) => name)).toEqual(names)
    expect([page.has_more, page.last_event_id]).toEqual([hasMore, 10])
  })

  it('are read before a request id as people type it', async () => {
    const { ask, ids } = await aDoorToRead()
    const typed = ids
      .get(P1 ?? '')
      ?.toLowerCase()
      .replace('-', '')
      .replaceAll('0', 'o')
      .replaceAll('1', 'l')
    const answer = await ask(`last=3&before=${encodeURIComponent(`${typed}`.toUpperCase())}`)
    expect(joinRequests.parse(await answer.json()).join_requests.map(({ name }) => name)).toEqual([D])
  })

  it('before a request that the chat does not have are 404, also for those who could not read them', async () => {
    const { server, ask, ids } = await aDoorToRead()
    const other = await createChatWithMember(server)
    for (const user of [undefined, STRANGER]) {
      const answer = await ask(`last=3&before=${other.requestId}`, user)
      expect(await refusal(answer)).toEqual([404, 'request-not-found'])
      if (user !== undefined) {
        expect(await refusal(await ask(`last=3&before=${ids.get(D)}`, user))).toEqual([403, 'not-the-owner'])
      }
    }
  })

  const STATE = '`pending`, `approved` or `ended` (declined, or closed).'
  const PAGE = 'Send a whole number from 1 to 1,000.'
  const CODE = 'Send a request_id of eight characters, like 7QF2-9KXM.'

  it.each<[query: string, path: string, message: string]>([
    ['state=declined', 'state', `Send ${STATE}`],
    ['state=PENDING', 'state', `Send ${STATE}`],
    ['state=pending&state=ended', 'state', 'Send `state` once.'],
    ['status=pending', 'status', `Send \`state\`: ${STATE}`],
    ['last=0', 'last', PAGE],
    ['last=1001', 'last', PAGE],
    ['last=x', 'last', PAGE],
    ['limit=2', 'limit', 'Send `last`: how many of the newest join requests to read.'],
    ['before=7QF2-9KXM', 'before', 'Send `last` as well: how many to read.'],
    ['state=ended&before=7QF2-9KXM', 'before', 'Send `last` as well: how many to read.'],
    ['last=2&before=12', 'before', CODE],
    ['last=2&before=7QF2-9KXU', 'before', CODE],
    ['last=2&request_id=7QF2-9KXM', 'request_id', 'Send `before`: the request_id before which to read.']
  ])('are refused with sentences of ours for %s', async (query, path, message) => {
    const { ask } = await aDoorToRead()
    const problem = await problemOf(await ask(query))
    expect(problem).toMatchObject({ status: 400, kind: 'invalid-request', errors: [{ path, message }] })
  })

  it('show nothing that a listing without a query does not show', async () => {
    const { chat, owner, ask } = await aDoorToRead()
    const all = await requestsOf(chat, owner)
    const page = joinRequests.parse(await (await ask('last=4')).json())
    expect(page.join_requests).toEqual(all.slice(-4))
  })
})
