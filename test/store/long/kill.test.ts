/** The built server on a file store, killed at random moments under load: nothing acknowledged may be lost or doubled. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Chat, type ChatEvent } from '../../../src/client/index.ts'
import { readChatId, tagOf } from '../../../src/ids.ts'
import { type Random, randomFrom } from '../../soak/random.ts'
import { approve, call, createChat, createLink, endingOf, knock, linksOf, post, requestsOf } from '../../support/api.ts'
import { type BuiltServer, startBuilt } from '../../support/built-server.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'
import { attempt, ChatBook, follower, makeLink, poster, type Said, type Scene, visitors } from './witnesses.ts'

/** Fewer where the server takes long to start. */
const KILLS = { most: 12, withinMs: 30_000 }
const CHATS = 2
const LAST = 'the last word'
const TIMEOUT_MS = 90_000

/** A chat with a member and everybody who will be in it. */
async function begin(server: BuiltServer, random: Random, end: AbortSignal) {
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const guest = await knock(link, 'member')
  await approve(link, owner, guest.requestId)
  const book = new ChatBook(chat, owner)
  book.links.push({ url: link, states: ['open'] })
  const scene: Scene = { server, book, random, end }
  await makeLink(scene)
  const actors = [
    poster(scene, 'owner', owner),
    poster(scene, 'member', guest.client),
    poster(scene, 'twin', guest.client),
    visitors(scene, 'ana'),
    visitors(scene, 'ben')
  ]
  const readers = [follower(scene, 'owner', owner, LAST), follower(scene, 'member', guest.client, LAST)]
  return { book, acted: Promise.all(actors), read: Promise.all(readers) }
}

/** Opens chats and closes them; in the end each is there, or gone, as was acknowledged. */
async function openAndClose(server: BuiltServer, random: Random, end: AbortSignal) {
  const chats: { url: string; owner: string; statuses: number[] }[] = []
  while (!end.aborted) {
    await server.whenUp()
    const answer = await attempt(`${server.url}/v1/chats`, undefined, { method: 'POST' })
    if (answer === undefined) continue
    const { chat: url, author_id: owner } = JSON.parse(answer.text)
    const chat = { url, owner, statuses: [200] }
    chats.push(chat)
    if (random.chance(0.5)) continue
    const closed = await attempt(url, owner, { method: 'DELETE' })
    chat.statuses = closed?.status === 204 ? [404] : [200, 404]
  }
  return chats
}

/** What the chat holds, read anew. */
async function logOf({ url, owner }: ChatBook): Promise<ChatEvent[]> {
  const log: ChatEvent[] = []
  for await (const event of new Chat(url, owner).events({ after: 0 })) {
    if (event.event === 'ready') break
    log.push(event)
  }
  return log
}

function idsOf(log: readonly ChatEvent[], text: string): number[] {
  return log.flatMap((event) => (event.event === 'message' && event.data.text === text ? [event.id] : []))
}

function messagesIn(log: readonly ChatEvent[]): ChatEvent[] {
  return log.filter(({ event }) => event === 'message')
}

/** What was acknowledged is there once, as it was acknowledged; what was not is there at most once. */
function checkSaid(said: readonly Said[], texts: ReadonlyMap<string, readonly number[]>): void {
  for (const { text, id } of said) {
    const ids = texts.get(text) ?? []
    if (id === undefined) expect(ids.length, text).toBeLessThan(2)
    else expect(ids, text).toEqual([id])
  }
  const ids = said.flatMap(({ id }) => id ?? [])
  expect(ids).toEqual(ids.toSorted((one, other) => one - other))
}

/** Sent again with the same key it is there once, and where it was if it was there. */
async function checkRetries(book: ChatBook, log: readonly ChatEvent[]): Promise<void> {
  const unanswered = [...book.said.values()].flat().filter(({ id, key }) => id === undefined && key !== undefined)
  for (const said of unanswered) {
    const answer = await attempt(book.url, said.user, { json: { text: said.text }, key: said.key })
    if (answer?.status === 403) continue
    expect(answer?.status, said.text).toBe(201)
    const { id } = JSON.parse(answer?.text ?? '')
    const [before = id] = idsOf(log, said.text)
    expect(id).toBe(before)
    said.id = id
  }
}

async function checkDoor(book: ChatBook, log: readonly ChatEvent[]): Promise<void> {
  const states = new Map(log.flatMap(({ data }) => ('request_id' in data ? [[data.request_id, data.state]] : [])))
  const names = log.flatMap(({ event, data }) => (event === 'join_request' && 'name' in data ? [data.name] : []))
  expect(names.length).toBe(new Set(names).size)
  for (const { guest, states: allowed, isOut, name } of book.visits) {
    if (guest === undefined) continue
    expect(allowed, name).toContain(states.get(guest.requestId))
    if (!isOut) continue
    expect(await attempt(book.url, guest.client), name).toMatchObject({ status: 403 })
    expect(await attempt(book.url, guest.client, { json: { text: 'in again' } }), name).toMatchObject({ status: 403 })
  }
  const links = new Map((await linksOf(book.url, book.owner)).map(({ link, state }) => [link, state]))
  for (const { url, states: allowed } of book.links) expect(allowed).toContain(links.get(url))
  const listed = new Map((await requestsOf(book.url, book.owner)).map((entry) => [entry.request_id, entry.state]))
  for (const [id, state] of states) if (state === 'pending' || state === 'approved') expect(listed.get(id)).toBe(state)
}

async function check(book: ChatBook): Promise<void> {
  expect(book.trouble).toEqual([])
  const log = await logOf(book)
  expect(log.map((event) => ('id' in event ? event.id : 0))).toEqual(log.map((_, index) => index + 1))
  expect(await new Chat(book.url, book.owner).read()).toMatchObject({
    messages: messagesIn(log).map(({ data }) => data),
    last_event_id: log.length
  })
  const texts = new Map<string, number[]>()
  for (const event of log) {
    if (event.event === 'message') texts.set(event.data.text, [...(texts.get(event.data.text) ?? []), event.id])
  }
  for (const said of book.said.values()) checkSaid(said, texts)
  expect(book.told.get('owner')).toEqual(log)
  expect(book.told.get('member')).toEqual(messagesIn(log))
  await checkDoor(book, log)
  await checkRetries(book, log)
  const after = await logOf(book)
  for (const { text, key, id } of [...book.said.values()].flat()) {
    if (key !== undefined && id !== undefined) expect(idsOf(after, text), text).toEqual([id])
  }
}

describe('a server that is killed', { timeout: TIMEOUT_MS }, () => {
  it('has all that it acknowledged, once and in order, and its clients go on by themselves', async () => {
    const random = randomFrom(Date.now())
    const server = await startBuilt({ env: { STORE_URL: `file:${aFolder()}` } })
    const end = new AbortController()
    const scenes = await Promise.all(Array.from({ length: CHATS }, () => begin(server, random.fork(), end.signal)))
    const opening = openAndClose(server, random.fork(), end.signal)
    const endsAt = performance.now() + KILLS.withinMs
    for (let kill = 0; kill < KILLS.most && performance.now() < endsAt; kill++) {
      // At any moment: there is nothing to wait for.
      await sleep(random.int(20, 800))
      await server.kill()
      await server.start()
    }
    end.abort()
    const chats = await opening
    await Promise.all(scenes.map(({ acted }) => acted))
    for (const { book } of scenes) await post(book.url, book.owner, LAST)
    await Promise.all(scenes.map(({ read }) => read))
    for (const { book } of scenes) await check(book)
    for (const { url, owner, statuses } of chats) expect(statuses).toContain((await attempt(url, owner))?.status)
    expect(server.output().replaceAll(/^Silly Chat listens on .*\n/gm, '')).toBe('')
  })
})

describe('what comes due while no server is there', () => {
  const TTL = { CHAT_TTL_SECONDS: '3600' }

  it('a link has expired at its own instant, and its guest is told so', async () => {
    const folder = aFolder()
    const store = await opened(folder)
    const before = await startServer({ wrap: () => store })
    const { chat, owner } = await createChat(before)
    const link = await createLink(chat, owner, { expires_in: 60 })
    const { client, requestId } = await knock(link)
    const instant = new Date(before.clock.now + 60_000).toISOString()
    const cursor = 1
    await before.close()
    await store.close()

    const reopened = await opened(folder)
    const after = await startServer({ wrap: () => reopened })
    after.clock.now += 3 * 60_000
    const there = (url: string) => url.replace(before.url, after.url)
    expect(await endingOf(await call(there(link), { user: client }))).toEqual([
      410,
      'link-expired',
      'closed',
      requestId,
      client
    ])
    const [request] = await requestsOf(there(chat), owner)
    expect(request).toMatchObject({ state: 'closed', decided_at: instant })
    const stream = await openStream(`${there(chat)}/events?last_event_id=${cursor}`, { user: owner })
    expect(await stream.next()).toMatchObject({ event: 'join_closed', data: { decided_at: instant } })
  })

  it('a chat that fell idle is removed as soon as the server is back, though nobody asks for it', async () => {
    const folder = aFolder()
    const store = await opened(folder)
    const before = await startServer({ env: TTL, wrap: () => store })
    const { chat, owner } = await createChat(before)
    await post(chat, owner, 'hello')
    await before.close()
    await store.close()

    const reopened = await opened(folder)
    const removed = new Promise<void>((resolve) => {
      const id = readChatId(new URL(chat).pathname.split('/').at(-1) ?? '')
      if (id === undefined) throw new Error(`no chat: ${chat}`)
      void reopened.watch(tagOf(id), (told) => {
        if (told === 'gone') resolve()
      })
    })
    const after = await startServer({ env: TTL, wrap: () => reopened, now: before.clock.now + 3_600_000 })
    await removed
    expect((await call(chat.replace(before.url, after.url), { user: owner })).status).toBe(404)
  })
})
