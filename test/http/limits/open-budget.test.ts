/** What one client can hold open: streams, waits, and answers that it does not take. */
import { describe, expect, it } from 'vitest'
import { newLinkId, newUserId, tagOf } from '../../../src/chat/ids.ts'
import { OpenBudget } from '../../../src/http/limits/open-budget.ts'
import { Problem } from '../../../src/wire/problems.ts'
import {
  call,
  createChat,
  createChatWithMember,
  createLink,
  knock,
  post,
  refusal,
  requestsOf
} from '../../support/api.ts'
import { aDoor } from '../../support/doors.ts'
import { eventually } from '../../support/eventually.ts'
import { openSocket, rawRequest } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'
import { openReady } from '../../support/streams.ts'

const limited = { RATE_LIMIT: 'on', TRUST_PROXY: 'on' }
const from = (address: string) => ({ 'x-forwarded-for': address })
const at = (ip: string) => ({ request: { ip } })

function taken(budget: OpenBudget, holder: Parameters<OpenBudget['take']>[0], count: number): (() => void)[] {
  return Array.from({ length: count }, () => budget.take(holder))
}

describe('the budget', () => {
  it('has a place for each, up to the total', () => {
    const budget = new OpenBudget({ total: 3, isLimited: false })
    const [release] = taken(budget, at('192.0.2.1'), 3)
    expect(() => budget.take(at('192.0.2.2'))).toThrow('too-many-streams')
    release?.()
    release?.()
    expect(budget.open).toBe(2)
    budget.take(at('192.0.2.2'))
    expect(() => budget.take(at('192.0.2.2'))).toThrow(Problem)
  })

  it('gives a network a twentieth of the total, an IPv6 network by its first 64 bits', () => {
    const budget = new OpenBudget({ total: 2000, isLimited: true })
    taken(budget, at('192.0.2.1'), 100)
    expect(() => budget.take(at('192.0.2.1'))).toThrow('too-many-own-streams')
    taken(budget, at('192.0.2.2'), 1)
    for (let host = 0; host < 100; host++) budget.take(at(`2001:db8::${host}`))
    expect(() => budget.take(at('2001:db8::ffff:1'))).toThrow('too-many-own-streams')
    budget.take(at('2001:db8:0:1::1'))
  })

  it('gives a network at least 64 places', () => {
    const budget = new OpenBudget({ total: 100, isLimited: true })
    taken(budget, at('192.0.2.1'), 64)
    expect(() => budget.take(at('192.0.2.1'))).toThrow('too-many-own-streams')
  })

  it('gives a user 16 places, from all networks together, and the guests of a link 64 in a network', () => {
    const budget = new OpenBudget({ total: 100_000, isLimited: true })
    const user = newUserId()
    for (let host = 0; host < 16; host++) budget.take({ ...at(`192.0.2.${host}`), user })
    expect(() => budget.take({ ...at('198.51.100.1'), user })).toThrow('too-many-own-streams')
    const link = newLinkId(tagOf(aDoor().door.chat))
    for (let guest = 0; guest < 64; guest++) budget.take({ ...at('203.0.113.1'), user: newUserId(), link })
    expect(() => budget.take({ ...at('203.0.113.1'), user: newUserId(), link })).toThrow('too-many-own-streams')
    budget.take({ ...at('203.0.113.1'), user: newUserId() })
    budget.take({ ...at('203.0.113.2'), user: newUserId(), link })
  })

  it('has all places again once they are given back', () => {
    const budget = new OpenBudget({ total: 100_000, isLimited: true })
    const holder = { ...at('192.0.2.1'), user: newUserId() }
    for (let round = 0; round < 3; round++) {
      const releases = taken(budget, holder, 16)
      expect(() => budget.take(holder)).toThrow('too-many-own-streams')
      for (const release of releases) release()
    }
    expect(budget.open).toBe(0)
  })
})

describe('a server under siege', () => {
  it('keeps places for others when one network takes all that it can, by streams and waits of many guests', async () => {
    const server = await startServer({ env: { ...limited, MAX_STREAMS: '100' } })
    const { chat, owner, link } = await createChatWithMember(server)
    const guests = await Promise.all(Array.from({ length: 8 }, () => knock(link)))
    let refused: Response | undefined
    // An answer that nobody refers to is collected, and its connection closed.
    const open: Response[] = []
    const abort = new AbortController()
    for (let count = 0; refused === undefined && count < 120; count++) {
      const { client } = guests[count % guests.length] ?? { client: '' }
      const answer = await fetch(`${link}/events`, {
        headers: { authorization: `Bearer ${client}`, ...from('198.51.100.7') },
        signal: abort.signal
      })
      if (answer.status === 200) open.push(answer)
      else refused = answer
    }
    expect(refused && (await refusal(refused))).toEqual([429, 'too-many-own-streams'])
    expect(refused?.headers.get('retry-after')).toMatch(/^\d+$/)
    const stream = await openReady(chat, owner)
    await post(chat, owner, 'hello')
    expect(await stream.next()).toMatchObject({ event: 'message' })
    expect(open.length).toBeGreaterThanOrEqual(64)
    abort.abort()
    const isFree = async () => {
      const answer = await call(`${link}/events`, { user: guests[0]?.client ?? '', headers: from('198.51.100.7') })
      await answer.body?.cancel()
      return answer.status === 200
    }
    await eventually(isFree, 'the places are given back')
  })

  it('reads a page of a chat only when the one before has been taken', async () => {
    let pages = 0
    const server = await startServer({
      wrap: (store) => ({
        ...store,
        messages: (...call) => {
          pages++
          return store.messages(...call)
        }
      })
    })
    const { chat, owner } = await createChat(server)
    for (let count = 0; count < 1000; count++) await post(chat, owner, 'x'.repeat(4000))
    const socket = openSocket(server.port)
    socket.pause()
    const get = `GET ${new URL(chat).pathname} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${owner}\r\n\r\n`
    socket.write(get.repeat(20))
    await eventually(() => pages >= 20, 'each of the pipelined requests has its first page')
    await call(`${server.url}/health`)
    // What the kernel takes of the first answer, and no more.
    expect(pages).toBeLessThan(100)
    socket.resume()
    await eventually(() => pages >= 1200, 'all are sent when they are taken')
  })
})

it('an image, a script or a frame of another site neither knocks nor creates a chat', async () => {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const path = new URL(await createLink(chat, owner)).pathname
  const forPeople = path.replace('/v1/links/', '/i/')
  const send = (target: string, ...headers: string[]) =>
    rawRequest(server.port, [`${target} HTTP/1.1`, 'Host: localhost', 'Content-Length: 0', ...headers])
  for (const headers of [
    ['Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: image'],
    ['Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: empty'],
    ['Sec-Fetch-Dest: script'],
    ['Sec-Fetch-Dest: iframe', 'Sec-Fetch-Mode: navigate', 'Accept: text/html']
  ]) {
    for (const target of [
      `GET ${path}`,
      `GET http://localhost${path}`,
      `HEAD ${path}`,
      `GET ${path.replace('/v1/', '/%76%31/')}`,
      `GET ${forPeople}`,
      `GET http://localhost${forPeople}`,
      `HEAD ${forPeople}`,
      `GET ${forPeople.replace('/i/', '/%69/')}`,
      'POST /v1/chats'
    ]) {
      const { status, body } = await send(target, ...headers)
      expect([status, body]).toEqual([403, target.startsWith('HEAD') ? '' : expect.stringContaining(':cross-site"')])
    }
  }
  expect(await requestsOf(chat, owner)).toEqual([])
  expect((await send(`GET ${path}`, 'Sec-Fetch-Dest: document', 'Sec-Fetch-Mode: navigate')).status).toBe(202)
  expect((await send(`GET ${path}`, 'Sec-Fetch-Dest: empty', 'Sec-Fetch-Mode: cors')).status).toBe(202)
  expect((await send('GET /docs', 'Sec-Fetch-Dest: iframe')).status).toBe(200)
})
