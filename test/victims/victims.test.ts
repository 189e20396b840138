/**
 * What an attack leaves for somebody on another network who posts and reads meanwhile, over each store: their slowest requests
 * take at most three times as long as without the attack.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MAX_WAITING_PER_LINK } from '../../src/chat/changes.ts'
import { exchange } from '../../src/wire/schemas/links.ts'
import { approve, call, createChat, createLink, knock } from '../support/api.ts'
import { startBuilt } from '../support/built-server.ts'
import { eventually } from '../support/eventually.ts'
import { aFolder } from '../support/file-store.ts'
import { freePort } from '../support/ports.ts'
import { openSocket } from '../support/raw.ts'
import { haveAll } from '../support/real-parts.ts'
import { aRedis } from '../support/redis.ts'

/** With and without the attack in turn, so that whatever else the machine does meets both alike. */
const WINDOWS = 3
/** In a window the victim posts and reads so often: all windows together stay within its own limit of a minute. */
const ROUNDS = 50
const MAX_RATIO = 3
/** On a busy machine a few milliseconds become ten without any attack, and nobody notices either. */
const UNNOTICED_MS = 25
const LANES = 4
const WAITING = 800

interface Server {
  readonly url: string
  /** The address of its metrics. */
  readonly metrics: string
}

/** Begins, and returns what ends it. */
type Attack = () => Promise<() => Promise<unknown>>

const from = (address: string) => ({ 'x-forwarded-for': address })
/** An address of its own for each number. */
const address = (number: number) => `10.1.${number >> 8}.${number & 255}`
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Does something for each item, as fast as possible. */
async function forAll<Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>): Promise<void> {
  const rest = items[Symbol.iterator]()
  const lane = async () => {
    for (const item of rest) await work(item)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

/** Sends these requests on one connection, and reads no more than the beginning of the answers. */
function sendUnread(server: Server, user: string, targets: readonly string[]) {
  const socket = openSocket(Number(new URL(server.url).port))
  const begun = new Promise<string>((resolve) => {
    socket.once('data', (bytes) => {
      socket.pause()
      resolve(bytes.toString('latin1', 0, 12))
    })
  })
  for (const target of targets) {
    const { pathname, search } = new URL(target)
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${user}\r\n\r\n`)
  }
  return { begun, end: () => socket.destroy() }
}

/** 150 answers to ten members who do not take them, asked for a few at a time, and more requests on one connection than a user has places. */
async function unreadAnswers(server: Server): Promise<Attack> {
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const members: string[] = []
  for (let count = 0; count < 10; count++) {
    const { client, requestId } = await knock(link)
    await approve(link, owner, requestId)
    members.push(client)
  }
  const json = { text: 'x'.repeat(4000) }
  await forAll(numbers(2000), (number) => call(chat, { user: members[number % 10], json }).then((a) => a.text()))
  return async () => {
    const pipelined = sendUnread(
      server,
      owner,
      Array.from({ length: 20 }, () => chat)
    )
    const ends = [pipelined.end]
    const opening = forAll(Array.from({ length: 15 }, () => members).flat(), async (member) => {
      const { begun, end } = sendUnread(server, member, [chat])
      ends.push(end)
      expect(await begun).toBe('HTTP/1.1 200')
    })
    return async () => {
      await opening
      expect(await pipelined.begun).toBe('HTTP/1.1 200')
      for (const end of ends) end()
    }
  }
}

/** A chat with so many requests at its door, each from another network, and links at which nobody waits. */
async function aBesiegedChat(server: Server, requests: number) {
  const { chat, owner } = await createChat(server)
  const links: string[] = []
  for (let count = 0; count < 40; count++) links.push(await createLink(chat, owner))
  const guests: { link: string; client: string }[] = []
  await forAll(numbers(requests), async (number) => {
    const link = links[Math.floor(number / MAX_WAITING_PER_LINK)] ?? ''
    const answer = await call(link, { headers: from(address(number)) })
    guests.push({ link, client: exchange.parse(await answer.json()).client_id ?? '' })
  })
  return { chat, owner, guests, links: links.slice(requests / MAX_WAITING_PER_LINK) }
}

/** 800 guests whom nobody lets in wait, each from another network: fewer could do so from one. Meanwhile messages are posted. */
async function waitingGuests(server: Server): Promise<Attack> {
  const { chat, owner, guests } = await aBesiegedChat(server, WAITING)
  return async () => {
    const sockets = guests.map(({ link, client }, number) => {
      const socket = openSocket(Number(new URL(server.url).port))
      const head = `Host: a\r\nAuthorization: Bearer ${client}\r\nX-Forwarded-For: ${address(number)}`
      socket.write(`GET ${new URL(link).pathname}?wait=300 HTTP/1.1\r\n${head}\r\n\r\n`)
      return socket
    })
    const areWaiting = async () =>
      (await (await fetch(`http://${server.metrics}/metrics`)).text()).includes(
        `_open_streams{kind="wait"} ${WAITING}\n`
      )
    await eventually(areWaiting, 'all wait', { withinMs: 15_000 })
    const posting = forAll(numbers(100), async () => {
      const answer = await call(chat, { user: owner, json: { text: 'hello' } })
      await answer.text()
    })
    return async () => {
      await posting
      for (const socket of sockets) socket.destroy()
    }
  }
}

/** A source makes links and knocks at them, as many as it can in a minute. For each window it is another one. */
async function linksAndKnocks(server: Server): Promise<Attack> {
  let windows = 0
  return async () => {
    const headers = from(`198.51.100.${++windows}`)
    const flood = forAll(numbers(10), async () => {
      const created = await call(`POST ${server.url}/v1/chats`, { headers })
      const { chat, author_id: user }: { chat: string; author_id: string } = JSON.parse(await created.text())
      const links: string[] = []
      for (let count = 0; count < 60; count++) {
        const answer = await call(`${server.url}/v1/links`, { user, json: { chat }, headers })
        expect(answer.status).toBe(201)
        links.push(JSON.parse(await answer.text()).link)
      }
      for (const link of links) await (await call(link, { headers })).text()
    })
    return () => flood
  }
}

/** A source asks whether links of a chat with 3000 requests are open, and knocks there. For each window it is another one. */
async function besiegedDoor(server: Server): Promise<Attack> {
  const { links } = await aBesiegedChat(server, 3000)
  let windows = 0
  return async () => {
    const headers = from(`198.51.100.${++windows}`)
    const knocks = forAll(numbers(100), async (number) => {
      const answer = await call(links[number % links.length] ?? '', { headers })
      await answer.text()
    })
    const checks = forAll(numbers(400), async (number) => {
      expect((await call(`HEAD ${links[number % links.length]}`, { headers })).status).toBe(200)
    })
    return () => Promise.all([knocks, checks])
  }
}

const middle = (times: readonly number[]): number =>
  [...times].sort((one, other) => one - other)[times.length >> 1] ?? Number.NaN

/**
 * Posts and reads in turn whenever it gets a message, and answers with the p99 of the milliseconds. In a thread of its own: it
 * must not wait for what the attackers of this process do.
 */
const VICTIM = `
  const { parentPort, workerData: { chat, user, rounds } } = require('node:worker_threads')
  const headers = { authorization: 'Bearer ' + user, 'x-forwarded-for': '203.0.113.9', 'content-type': 'application/json' }
  const post = { method: 'POST', headers, body: JSON.stringify({ text: 'hello' }) }
  parentPort.on('message', async () => {
    const times = []
    for (let round = 0; round < rounds; round++) {
      for (const [url, init] of [[chat, post], [chat + '?last=20', { headers }]]) {
        const began = performance.now()
        const answer = await fetch(url, init)
        await answer.text()
        if (!answer.ok) throw new Error('the victim is refused: ' + answer.status)
        times.push(performance.now() - began)
      }
    }
    times.sort((one, other) => one - other)
    parentPort.postMessage(times[Math.ceil(times.length * 0.99) - 1])
  })`

/** Somebody with a chat of their own, on a network of their own. Returns what measures one window. */
async function aVictim(server: Server): Promise<() => Promise<number>> {
  const { chat, owner } = await createChat(server)
  const worker = new Worker(VICTIM, { eval: true, workerData: { chat, user: owner, rounds: ROUNDS } })
  onTestFinished(async () => void (await worker.terminate()))
  return async () => {
    worker.postMessage('measure')
    const [slowest] = await once(worker, 'message')
    return slowest
  }
}

const ATTACKS = {
  'answers are not taken': unreadAnswers,
  'guests wait': waitingGuests,
  'links are made and knocked at': linksAndKnocks,
  'a door with 3000 requests is looked at': besiegedDoor
}

const STORES = {
  memory: async () => 'memory:',
  file: async () => `file:${aFolder()}`,
  redis: async () => (await aRedis()).url
}

describe.each(Object.entries(STORES))('over %s', (store, url) => {
  it.skipIf(store === 'redis' && !haveAll('redis-server', 'redis-cli')).each(Object.entries(ATTACKS))(
    'another network is served almost as fast while %s',
    async (name, prepare) => {
      const metrics = `127.0.0.1:${await freePort()}`
      const env = { STORE_URL: await url(), RATE_LIMIT: 'on', TRUST_PROXY: 'on', METRICS_ADDRESS: metrics }
      const server = { url: (await startBuilt({ env })).url, metrics }
      const attack = await prepare(server)
      const measure = await aVictim(server)
      await measure()
      const [quiet, attacked]: [number[], number[]] = [[], []]
      for (let window = 0; window < WINDOWS; window++) {
        quiet.push(await measure())
        const end = await attack()
        attacked.push(await measure())
        await end()
      }
      const [alone, meanwhile] = [middle(quiet), middle(attacked)]
      process.stderr.write(`${store}, ${name}: p99 ${alone.toFixed(1)} ms, ${meanwhile.toFixed(1)} ms meanwhile\n`)
      expect(meanwhile).toBeLessThan(Math.max(MAX_RATIO * alone, UNNOTICED_MS))
    }
  )
})
