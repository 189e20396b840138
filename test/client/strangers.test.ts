/** Foreign answers and events, and events at unlikely moments, are recognized and end nothing. */
import { describe, expect, it } from 'vitest'
import {
  Chat,
  createChat,
  Guest,
  type InputError,
  isRetryable,
  knock,
  type RequestErrorKind,
  readServer,
  SillyChatError
} from '../../src/client/index.ts'
import { startServer } from '../support/server.ts'
import { always, atTheDoor, type Fetch, STREAM, split } from './fetches.ts'

const USER = '406a3207-a070-4411-b9b6-8527c0c19c7e'
const SECRET = 'abcdefghijklmnopqrstuv'

describe('a guest is admitted', () => {
  it('if they were declined and approved before the client could read the reason', async () => {
    const { owner, link, requestId, guest } = await atTheDoor((owner, requestId) =>
      split(fetch, async (input, init) => {
        await owner.approve(`${input}`, requestId)
        return fetch(input, init)
      })
    )
    const admitted = guest.waitUntilAdmitted()
    await owner.decline(link, requestId)
    expect(await admitted).toMatchObject({ url: owner.url, userId: guest.clientId })
  })

  it.each([
    ['says at once that nothing follows', () => always(null, { status: 204 })],
    ['ends without an event', () => always('retry: 1\n\n', { headers: STREAM })]
  ])(
    'whose stream %s',
    async (_what, onStream) => {
      const { owner, link, guest } = await atTheDoor(() => split(onStream()))
      await owner.approve(link)
      expect(await guest.waitUntilAdmitted()).toMatchObject({ url: owner.url, userId: guest.clientId })
    },
    10_000
  )

  it('unless the link or the chat ends meanwhile, or the signal is aborted', async () => {
    const wait = () => atTheDoor(() => split(always(null, { status: 204 })))
    const [one, other, third] = [await wait(), await wait(), await wait()]
    await one.owner.revoke(one.link)
    await expect(one.guest.waitUntilAdmitted()).rejects.toMatchObject({ kind: 'link-revoked', status: 410 })
    await other.owner.close()
    await expect(other.guest.waitUntilAdmitted()).rejects.toMatchObject({ kind: 'link-not-found', status: 404 })
    await expect(third.guest.waitUntilAdmitted({ signal: AbortSignal.timeout(300) })).rejects.toMatchObject({
      name: 'TimeoutError'
    })
  })
})

/** Events that a proxy or a later version of the server can put into a stream. */
const FOREIGN = [
  'event: message\ndata: <h1>hello</h1>\n\n',
  'event: message\ndata: null\n\n',
  'event: message\ndata: {"id":1}\n\n',
  'event: message\nid: 1,"data":{}\ndata: {"id":1,"text":"forged","created_at":"now"}\n\n',
  'event: message\nid: -1\ndata: {"id":1,"text":"forged","created_at":"now"}\n\n',
  'event: approval\nid: approved\ndata: keep-alive\n\n',
  'event: approval\nid: approved\ndata: {"state":"approved"}\n\n',
  'event: join_request\ndata: []\n\n',
  'event: ready\ndata: {}\n\n',
  'event: closed\ndata: proxy\n\n',
  'event: closed\ndata: {}\n\n',
  'event: __proto__\nid: proxy\ndata: {}\n\n',
  'event: member_joined\nid: proxy\ndata: {"from":"7QF2-9KXM"}\n\n',
  'data: ping\n\n',
  ': a comment\n\n',
  'retry: soon\n\n'
].join('')

/** Puts foreign events around what the server sends. */
class Crowded {
  /** The cursor of each stream. */
  readonly cursors: (string | null)[] = []
  /** Ends the open stream, as a proxy that stops does. */
  cut: () => void = () => {}
  readonly fetch: Fetch = async (input, init) => {
    this.cursors.push(new Headers(init?.headers).get('last-event-id'))
    const response = await fetch(input, init)
    const foreign = new TextEncoder().encode(FOREIGN)
    const crowd = new TransformStream<string, Uint8Array>({
      start: (controller) => {
        controller.enqueue(foreign)
        this.cut = () => controller.terminate()
      },
      transform(text, controller) {
        controller.enqueue(new TextEncoder().encode(text.replace(/retry: \d+/, 'retry: 1')))
        controller.enqueue(foreign)
      }
    })
    const body = response.body?.pipeThrough(new TextDecoderStream()).pipeThrough(crowd)
    return new Response(body ?? null, response)
  }
}

describe('a stream', () => {
  it('skips foreign events, and never uses their ids as a cursor', async () => {
    const server = await startServer()
    const owner = await createChat(server.url)
    for (const text of ['one', 'two']) await owner.post(text)
    const crowded = new Crowded()
    const events = new Chat(owner.url, owner.userId, { fetch: split(crowded.fetch) }).events({ after: 0 })
    const next = async () => (await events.next()).value
    expect([await next(), await next()]).toMatchObject([{ data: { text: 'one' } }, { data: { text: 'two' } }])
    expect(await next()).toEqual({ event: 'ready', id: 2, data: { last_event_id: 2 } })
    await owner.post('three')
    expect(await next()).toMatchObject({ event: 'message', id: 3, data: { text: 'three' } })
    crowded.cut()
    expect(await next()).toEqual({ event: 'ready', id: 3, data: { last_event_id: 3 } })
    await owner.close()
    expect(await next()).toEqual({ event: 'closed', data: { reason: 'chat_closed' } })
    expect(await next()).toBeUndefined()
    expect(crowded.cursors).toEqual(['0', '3'])
  })

  it('of a pending guest skips foreign events', async () => {
    const { owner, link, guest } = await atTheDoor(() => split(new Crowded().fetch))
    const admitted = guest.waitUntilAdmitted()
    await owner.approve(link)
    expect(await admitted).toMatchObject({ url: owner.url })
  })

  it('is refused if the answer is not a stream', async () => {
    const chat = new Chat(`http://localhost/v1/chats/${SECRET}`, USER, {
      fetch: always('<h1>Welcome</h1>', { headers: { 'content-type': 'text/html' } })
    })
    await expect(chat.events().next()).rejects.toMatchObject({ kind: 'unexpected-response' })
  })
})

const CALLS: [string, (options: { fetch: Fetch }, url: string) => Promise<unknown>][] = [
  ['readServer', (options, url) => readServer(url, options)],
  ['createChat', (options, url) => createChat(url, options)],
  ['knock', (options, url) => knock(`${url}/v1/links/${SECRET}`, options)],
  ['knock in its form for people', (options, url) => knock(`${url}/i/${SECRET}`, options)],
  ['state', (options, url) => new Guest(`${url}/v1/links/${SECRET}`, USER, '7QF2-9KXM', options).state()],
  ['read', (options, url) => chatAt(url, options).read()],
  ['post', (options, url) => chatAt(url, options).post('hello')],
  ['invite', (options, url) => chatAt(url, options).invite()],
  ['links', (options, url) => chatAt(url, options).links()],
  ['joinRequests', (options, url) => chatAt(url, options).joinRequests()],
  ['approve', (options, url) => chatAt(url, options).approve(`${url}/v1/links/${SECRET}`)]
]
const chatAt = (url: string, options: { fetch: Fetch }): Chat => new Chat(`${url}/v1/chats/${SECRET}`, USER, options)

/** Successful answers of other servers, or of a proxy in front of this one. */
const ANSWERS: [string, string | null, ResponseInit][] = [
  ['a page', '<!doctype html><h1>Welcome</h1>', { headers: { 'content-type': 'text/html; charset=utf-8' } }],
  ['an empty body', '', {}],
  ['no content', null, { status: 204 }],
  ['messages without `has_more`', '{"messages":[],"last_event_id":0}', {}],
  ['JSON of another server', '{"status":"ok","id":"x","messages":{},"links":[1],"join_requests":null}', {}],
  ['a list', '[]', {}],
  ['null', 'null', {}],
  ['half an answer', '{"chat":"http', {}]
]

describe('a call', () => {
  it.each(CALLS)('of %s recognizes answers that are not from Silly Chat, and quotes nothing', async (_name, call) => {
    for (const [what, body, init] of ANSWERS) {
      const error = await call({ fetch: always(body, init) }, 'http://localhost').catch((cause: unknown) => cause)
      expect(error, what).toMatchObject({
        name: 'RequestError',
        kind: 'unexpected-response',
        message: expect.stringMatching(/is not Silly Chat\. Check that the URL is complete/)
      })
      expect(`${error}`).not.toMatch(new RegExp(`${SECRET}|${USER}|Welcome`))
      expect(isRetryable(error)).toBe(false)
    }
  })

  it.each(CALLS)('of %s refuses an invalid URL, and does not quote it', async (_name, call) => {
    const fetch: Fetch = async () => expect.fail('was asked')
    for (const url of [
      'localhost:8400',
      'localhost',
      '',
      '/chat',
      'ftp://localhost',
      'http://a b',
      'http://a:b@localhost'
    ]) {
      const error = await call({ fetch }, url).catch((cause: unknown) => cause)
      expect(error, url).toMatchObject({
        name: 'RequestError',
        kind: 'invalid-url',
        message: expect.stringContaining('http://')
      })
      expect(JSON.stringify([`${error}`, Object.entries(Object(error))])).not.toContain(SECRET)
      expect(isRetryable(error)).toBe(false)
    }
  })

  it('that reached no server is retryable, and one that failed by a bug is not', async () => {
    const server = await startServer()
    const chat = new Chat(`${server.url}/v1/chats/${SECRET}`, USER)
    await server.close()
    const kind: RequestErrorKind = 'unreachable'
    const unreachable = await chat.read().catch((error: unknown) => error)
    expect(unreachable).toBeInstanceOf(TypeError)
    expect(unreachable).toMatchObject({ name: 'RequestError', kind })
    expect(isRetryable(unreachable)).toBe(true)
    expect(isRetryable(new TypeError('x is not a function'))).toBe(false)
  })

  it('leaves out undefined members, and keeps the signal of the chat', async () => {
    const server = await startServer()
    const abort = new AbortController()
    const { url, userId } = await createChat(server.url, { fetch: undefined, signal: undefined })
    const owner = new Chat(`${url}/?utm_source=mail#top`, userId, { signal: abort.signal })
    await owner.post('one', undefined, { attempts: undefined })
    expect((await owner.read({ after: undefined, limit: undefined, wait: undefined })).messages).toHaveLength(1)
    const { link } = await owner.invite({ expiresIn: undefined, maxGuests: undefined })
    const guest = await knock(link, { name: undefined, signal: undefined })
    expect(await owner.approve(link, undefined)).toMatchObject({ request_id: guest.requestId })
    const events = owner.events({ after: undefined, signal: undefined, silenceMs: undefined, onState: undefined })
    expect((await events.next()).value).toMatchObject({ event: 'ready' })
    abort.abort(new Error('enough'))
    await expect(events.next()).rejects.toThrow('enough')
  })

  it('that was refused says what is wrong', async () => {
    const server = await startServer()
    const owner = await createChat(server.url)
    const error = await owner.read({ after: -1, limit: 0 }).catch((cause: unknown) => cause)
    if (!(error instanceof SillyChatError)) return expect.fail(`${error}`)
    expect(error.kind).toBe('invalid-request')
    const errors: readonly InputError[] = error.errors
    expect(errors.map(({ path }) => path).sort()).toEqual(['after', 'limit'])
    for (const { path, message } of errors) expect(error.message).toContain(`${path}: ${message}`)
  })

  it.each([
    ['no member but these', { errors: 'none' }, []],
    ['parts of another kind', { errors: [1, null, { path: 'text' }, { path: 'a', message: 'b' }] }, ['a: b']],
    ['many', { errors: Array.from({ length: 5 }, () => ({ path: 'a', message: 'b' })) }, ['2 more in `errors`']],
    ['nothing of a problem', { type: 5, title: null, detail: {}, status: 'bad' }, ['check the URL and any proxy']]
  ])('that was refused with %s is understood', async (_what, body, parts) => {
    const problem = { type: 'urn:silly-chat:invalid-request', title: 'Invalid request', detail: 'Correct it.', ...body }
    const fetch = always(JSON.stringify(problem), { status: 400 })
    const error = await chatAt('http://localhost', { fetch })
      .read()
      .catch((cause: unknown) => cause)
    expect(error).toMatchObject({ name: 'SillyChatError', status: 400 })
    for (const part of parts) expect(`${error}`).toContain(part)
  })
})
