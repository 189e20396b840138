import { describe, expect, it } from 'vitest'
import {
  Chat,
  type ChatEvent,
  createChat,
  Guest,
  isRetryable,
  knock,
  readServer,
  SillyChatError,
  type WhichJoinRequests
} from '../../src/client/index.ts'
import { startServer } from '../support/server.ts'

/** Takes `count` events and ends the stream. */
async function take(events: AsyncIterable<ChatEvent>, count: number): Promise<ChatEvent[]> {
  const taken: ChatEvent[] = []
  for await (const event of events) {
    taken.push(event)
    if (taken.length === count) break
  }
  return taken
}

describe('the client', () => {
  it('creates a chat, joins it, and both post', async () => {
    const server = await startServer()
    const owner = await createChat(`${server.url}/`)
    const events = owner.events()
    expect((await events.next()).value).toMatchObject({ event: 'ready', data: { last_event_id: 0 } })
    const { link } = await owner.invite()
    const guest = await knock(`${link}?utm_source=mail`, { name: 'Ana' })
    const asked = (await events.next()).value
    expect(asked).toMatchObject({ event: 'join_request', id: 1, data: { request_id: guest.requestId, name: 'Ana' } })
    expect(await guest.state()).toMatchObject({ state: 'pending' })

    const admitted = guest.waitUntilAdmitted()
    expect(await owner.approve(link, guest.requestId)).toMatchObject({ state: 'approved' })
    const chat = await admitted
    expect(chat).toMatchObject({ url: owner.url, userId: guest.clientId })
    expect((await owner.joinRequests()).join_requests).toHaveLength(1)

    await chat.post('Ana: hello')
    expect(await take(events, 2)).toMatchObject([
      { event: 'join_approved' },
      { event: 'message', data: { text: 'Ana: hello' } }
    ])
    expect(await chat.read({ after: 0, limit: 1 })).toMatchObject({
      messages: [{ text: 'Ana: hello' }],
      has_more: false
    })
    expect(await take(chat.events({ after: 0 }), 3)).toMatchObject([
      { event: 'member_joined', id: 2 },
      { event: 'message', id: 3 },
      { event: 'ready', id: 3 }
    ])
  })

  it('takes a link in its form for people', async () => {
    const server = await startServer()
    const owner = await createChat(server.url)
    const { link } = await owner.invite()
    const short = link.replace('/v1/links/', '/i/')
    const ana = await knock(`${short}?utm_source=mail`, { name: 'Ana' })
    expect(ana.link).toBe(link)
    const again = new Guest(short, ana.clientId, ana.requestId)
    expect(await again.state()).toMatchObject({ link, state: 'pending' })
    await owner.approve(short, ana.requestId)
    await (await again.waitUntilAdmitted()).post('Ana: hello')
    expect(await owner.decline(short, ana.requestId)).toMatchObject({ link, state: 'declined' })
    const ben = await knock(short)
    await new Guest(`${short}/`, ben.clientId, ben.requestId).leave()
    await owner.revoke(short)
    expect((await owner.links()).links).toMatchObject([{ link, state: 'revoked' }])
    await expect(knock(short)).rejects.toMatchObject({ kind: 'link-revoked' })
  })

  it('reads what the server is', async () => {
    const server = await startServer({ env: { CHAT_TTL_SECONDS: '60' } })
    expect(await readServer(`${server.url}/`)).toMatchObject({ version: '0.0.0', chat_ttl_seconds: 60, push: false })
  })

  it('reads messages backwards from the newest one', async () => {
    const server = await startServer()
    const owner = await createChat(server.url)
    for (const text of ['a', 'b', 'c', 'd', 'e']) await owner.post(text)
    const pages: string[] = []
    let page = await owner.read({ last: 2 })
    for (;;) {
      pages.push(page.messages.map(({ text }) => text).join(''))
      expect(page.last_event_id).toBe(5)
      if (!page.has_more) break
      page = await owner.read({ last: 2, before: page.messages[0]?.id })
    }
    expect(pages).toEqual(['de', 'bc', 'a'])
    expect((await owner.read({ last: 1, before: 0 })).messages).toEqual([])
    // @ts-expect-error `before` needs `last`.
    const alone = owner.read({ before: 3 })
    await expect(alone).rejects.toMatchObject({ kind: 'invalid-request', errors: [{ path: 'before' }] })
    // @ts-expect-error `last` cannot be combined with `after`.
    const both = owner.read({ last: 2, after: 3 })
    await expect(both).rejects.toMatchObject({ kind: 'invalid-request', errors: [{ path: 'after' }] })
  })

  it('brings the owner a note, a guest one back, and blocks a network', async () => {
    const server = await startServer()
    const owner = await createChat(server.url)
    const { link } = await owner.invite()
    const ana = await knock(link, { name: 'Ana', note: 'from the club' })
    const ben = await knock(link)
    expect((await owner.joinRequests()).join_requests.map(({ note }) => note)).toEqual(['from the club', null])
    await owner.decline(link, ana.requestId, { note: 'not today', block: true })
    await expect(ana.state()).rejects.toMatchObject({ kind: 'declined', problem: { note: 'not today' } })
    const blocked: unknown = await knock(link).catch((error: unknown) => error)
    expect(blocked).toMatchObject({ kind: 'blocked', retryAfterMs: 86_400_000 })
    expect(isRetryable(blocked)).toBe(false)
    await owner.decideOnAll(link, 'decline', { note: 'nobody today' })
    await expect(ben.state()).rejects.toMatchObject({ problem: { note: 'nobody today' } })
  })

  it('reads join requests in a state, and backwards from the newest one', async () => {
    const server = await startServer()
    const owner = await createChat(server.url)
    const { link } = await owner.invite()
    for (const name of ['Ana', 'Ben', 'Cem', 'Dan']) await knock(link, { name })
    const [ana, , cem] = (await owner.joinRequests()).join_requests
    await owner.approve(link, ana?.request_id)
    await owner.decline(link, cem?.request_id)
    const names = async (which: WhichJoinRequests) => {
      const { join_requests, has_more } = await owner.joinRequests(which)
      return [join_requests.map(({ name }) => name).join(' '), has_more]
    }
    expect(await names({ state: 'pending' })).toEqual(['Ben Dan', undefined])
    expect(await names({ state: 'approved' })).toEqual(['Ana', undefined])
    expect(await names({ state: 'ended', last: 2 })).toEqual(['Cem', false])
    expect(await names({ last: 2 })).toEqual(['Cem Dan', true])
    expect(await names({ last: 2, before: cem?.request_id })).toEqual(['Ana Ben', false])
    const unknown = owner.joinRequests({ last: 2, before: '7QF2-9KXM' })
    await expect(unknown).rejects.toMatchObject({ kind: 'request-not-found', status: 404 })
    // @ts-expect-error `before` needs `last`.
    await expect(owner.joinRequests({ before: cem?.request_id })).rejects.toMatchObject({ kind: 'invalid-request' })
  })

  it('throws refusals with a kind that a program can switch on', async () => {
    const server = await startServer()
    const { url } = await createChat(server.url)
    const stranger = new Chat(url, '406a3207-a070-4411-b9b6-8527c0c19c7e')
    const refused = await stranger.read().catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(SillyChatError)
    expect(refused).toMatchObject({ kind: 'not-a-member', status: 403, problem: { title: 'Not a member' } })
    await expect(stranger.events().next()).rejects.toMatchObject({ kind: 'not-a-member' })
    await expect(stranger.post('x')).rejects.toMatchObject({ kind: 'not-a-member' })
  })

  it('understands a refusal that is not a problem document', async () => {
    const fetch = async () => new Response('<h1>Bad Gateway</h1>', { status: 502, statusText: 'Bad Gateway' })
    await expect(new Chat('http://x/v1/chats/y', 'z', { fetch }).read()).rejects.toMatchObject({
      status: 502,
      kind: 'about:blank'
    })
  })

  it('posts once, however often it has to send', async () => {
    const server = await startServer()
    const owner = await createChat(server.url)
    const lossy: typeof fetch = async (input, init) => {
      await fetch(input, init)
      throw new TypeError('the answer was lost')
    }
    let calls = 0
    const chat = new Chat(owner.url, owner.userId, { fetch: (...call) => (++calls < 2 ? lossy : fetch)(...call) })
    expect(await chat.post('once')).toMatchObject({ id: 1, text: 'once' })
    expect(calls).toBe(2)
    expect((await owner.read()).messages).toHaveLength(1)
  })

  it.each(['is cut off', 'ends'])(
    'reconnects when a stream %s, and loses or repeats no event',
    async (how) => {
      const server = await startServer()
      const owner = await createChat(server.url)
      for (const text of ['one', 'two', 'three']) await owner.post(text)
      // Each connection ends after a number of bytes, wherever that is.
      const cuts = [120, 260]
      const cutting: typeof fetch = async (input, init) => {
        const response = await fetch(input, init)
        let left = cuts.shift() ?? Number.POSITIVE_INFINITY
        const cut = new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            controller.enqueue(chunk.subarray(0, left))
            left -= chunk.length
            if (left > 0) return
            if (how === 'ends') controller.terminate()
            else controller.error(new Error('cut'))
          }
        })
        return new Response(response.body?.pipeThrough(cut) ?? null, response)
      }
      const hasty = new Chat(owner.url, owner.userId, { fetch: hurry(cutting) })
      const events = await take(hasty.events({ after: 0 }), 4)
      expect(events.map(({ event, ...rest }) => [event, 'id' in rest ? rest.id : undefined])).toEqual([
        ['message', 1],
        ['message', 2],
        ['message', 3],
        ['ready', 3]
      ])
      expect(cuts).toEqual([])
    },
    20_000
  )

  it('does not reconnect after the final event', async () => {
    const server = await startServer()
    const owner = await createChat(server.url)
    const { link } = await owner.invite()
    const streams: string[] = []
    const counting: typeof fetch = async (input, init) => {
      if (`${input}`.endsWith('/events')) streams.push(`${input}`)
      return fetch(input, init)
    }
    const events = new Chat(owner.url, owner.userId, { fetch: counting }).events()
    await events.next()
    const guest = await knock(link, { fetch: counting })
    const admitted = guest.waitUntilAdmitted()
    await owner.approve(link, guest.requestId)
    await admitted
    await owner.close()
    const told: string[] = []
    for await (const { event } of events) told.push(event)
    expect(told).toEqual(['join_request', 'join_approved', 'closed'])
    expect(streams).toEqual([`${owner.url}/events`, `${link}/events`])
  })

  it('stops when its signal is aborted', async () => {
    const server = await startServer()
    const owner = await createChat(server.url)
    const { link } = await owner.invite()
    const guest = await knock(link)
    const abort = new AbortController()
    const events = owner.events({ signal: abort.signal })
    expect((await events.next()).value).toMatchObject({ event: 'join_request' })
    expect((await events.next()).value).toMatchObject({ event: 'ready' })
    const ended = [events.next(), guest.waitUntilAdmitted({ signal: abort.signal })].map((work) =>
      expect(work).rejects.toThrow('enough')
    )
    abort.abort(new Error('enough'))
    await Promise.all(ended)
  })

  it("throws the reason why a guest's request has ended", async () => {
    const server = await startServer()
    const owner = await createChat(server.url)
    const { link } = await owner.invite()
    const chat = owner.events()
    await chat.next()
    const abort = new AbortController()
    const waiting = fetch(`${link}?wait=60`, { signal: abort.signal }).catch(() => undefined)
    await chat.next()
    abort.abort()
    await waiting
    const closed = (await chat.next()).value
    expect(closed).toMatchObject({ event: 'join_closed', data: { state: 'closed' } })
  })
})

/** Lets streams reconnect at once instead of after the server's reconnection time. */
function hurry(own: typeof fetch): typeof fetch {
  return async (input, init) => {
    const response = await own(input, init)
    const patient = new TextDecoderStream()
    const text = new TransformStream<string, string>({
      transform: (chunk, controller) => controller.enqueue(chunk.replace(/retry: \d+/, 'retry: 1'))
    })
    const body = response.body?.pipeThrough(patient).pipeThrough(text).pipeThrough(new TextEncoderStream())
    return new Response(body ?? null, response)
  }
}
