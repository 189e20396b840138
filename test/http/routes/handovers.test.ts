/** A text for another device: taken once, for ten minutes. */
import { describe, expect, it } from 'vitest'
import { StoreUnavailable } from '../../../src/chat/store.ts'
import { RATE_LIMITS } from '../../../src/http/limits/rate-limits.ts'
import { call, createHandover, idIn, problemOf, refusal } from '../../support/api.ts'
import { eventually } from '../../support/eventually.ts'
import { exchangeBytes, rawRequest } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
const MINUTE = 60_000

async function take(handover: string): Promise<string | [number, string]> {
  const answer = await call(`POST ${handover}`)
  return answer.status === 200 ? JSON.stringify(await answer.json()) : refusal(answer)
}
const NOT_FOUND = [404, 'handover-not-found']

describe('a handover', () => {
  it('is a URL from which the text can be taken once', async () => {
    const server = await startServer()
    const sealed = '-_azAZ09'.repeat(2048)
    const created = await call(`${server.url}/v1/handovers`, { json: { sealed } })
    const body = (await created.json()) as { handover: string }
    expect([created.status, body]).toEqual([
      201,
      { handover: created.headers.get('location'), expires_at: new Date(server.clock.now + 10 * MINUTE).toISOString() }
    ])
    expect(body.handover).toMatch(new RegExp(`^${server.url}/v1/handovers/[\\w-]{35}[A-Za-z0-9]$`))
    const answer = await call(`POST ${body.handover}`)
    expect([answer.status, answer.headers.get('cache-control'), await answer.json()]).toEqual([
      200,
      'no-store',
      { sealed }
    ])
    expect(await take(body.handover)).toEqual(NOT_FOUND)
  })

  it('is given to one of many who take it at the same moment', async () => {
    const server = await startServer()
    const handovers = await Promise.all(Array.from({ length: 20 }, () => createHandover(server)))
    for (const handover of handovers) {
      const answers = await Promise.all(Array.from({ length: 4 }, () => take(handover)))
      expect(answers.filter((one) => typeof one === 'string')).toEqual(['{"sealed":"c2VhbGVk"}'])
      expect(answers.filter((one) => typeof one !== 'string')).toEqual([NOT_FOUND, NOT_FOUND, NOT_FOUND])
    }
  })

  it('expires after ten minutes, and is then answered like one that was taken or never was', async () => {
    const server = await startServer()
    const [early, late, taken] = [
      await createHandover(server),
      await createHandover(server),
      await createHandover(server)
    ]
    server.clock.now += 10 * MINUTE - 1
    expect(await take(early)).toBe('{"sealed":"c2VhbGVk"}')
    await take(taken)
    server.clock.now += 1
    const problems = []
    const never = `${server.url}/v1/handovers/${'x'.repeat(36)}`
    for (const one of [late, taken, never, `${server.url}/v1/handovers/none`, `${never}%2F..`]) {
      problems.push(await problemOf(await call(`POST ${one}`)))
    }
    expect(problems[0]?.kind).toBe('handover-not-found')
    for (const problem of problems) expect(problem).toEqual(problems[0])
  })

  it('is removed after it has expired, although chats never end', async () => {
    const swept: number[] = []
    const { clock } = await startServer({
      env: { CHAT_TTL_SECONDS: '0' },
      wrap: (store) => ({
        ...store,
        handovers: { ...store.handovers, removeExpired: async (now) => void swept.push(now) }
      })
    })
    await eventually(() => swept.length > 0, 'the sweep has run')
    // A store with a clock of its own corrects the time.
    expect(Math.abs((swept[0] ?? 0) - clock.now)).toBeLessThan(1000)
  })

  it('has no page of its own for programs: only POST', async () => {
    const server = await startServer()
    const handover = await createHandover(server)
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
      const answer = await call(`${method} ${handover}`)
      expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, 'OPTIONS, POST'])
    }
    for (const method of ['GET', 'DELETE']) {
      const answer = await call(`${method} ${server.url}/v1/handovers`)
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'OPTIONS, POST'])
    }
    expect(await take(handover)).toBe('{"sealed":"c2VhbGVk"}')
  })

  it('is the page for browsers, which takes nothing by itself and has the same bytes at any address', async () => {
    const server = await startServer()
    const handover = await createHandover(server)
    const start = await (await call(server.url, { headers: { accept: BROWSER } })).text()
    for (const url of [handover, `${handover}/`, `${server.url}/v1/handovers/none`]) {
      for (const headers of [{}, { 'sec-purpose': 'prefetch' }, { 'sec-fetch-dest': 'document' }]) {
        const page = await call(url, { headers: { accept: BROWSER, ...headers } })
        expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
        expect([page.headers.get('referrer-policy'), page.headers.get('cache-control')]).toEqual([
          'no-referrer',
          'no-store'
        ])
        expect(await page.text()).toBe(start)
      }
    }
    await call(handover, { headers: { 'user-agent': 'WhatsApp/2.1' } })
    const path = new URL(handover).pathname
    const repaired = await rawRequest(server.port, [`GET ${path}. HTTP/1.1`, 'Host: localhost', `Accept: ${BROWSER}`])
    expect([repaired.status, repaired.headers.get('location')]).toEqual([303, path])
    expect(await take(handover)).toBe('{"sealed":"c2VhbGVk"}')
  })

  it.each(['Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: image', 'Sec-Fetch-Dest: iframe'])(
    'is not created or taken by what a page of another site makes a browser send: %s',
    async (mark) => {
      const server = await startServer()
      const handover = await createHandover(server)
      for (const [path, body] of [
        ['/v1/handovers', '{"sealed":"c2VhbGVk"}'],
        [new URL(handover).pathname, '']
      ] as const) {
        const head = ['Host: localhost', 'Content-Type: application/json', `Content-Length: ${body.length}`, mark]
        const answer = await rawRequest(server.port, [`POST ${path} HTTP/1.1`, ...head], body)
        expect([answer.status, JSON.parse(answer.body).type]).toEqual([403, 'urn:silly-chat:cross-site'])
      }
      expect(await take(handover)).toBe('{"sealed":"c2VhbGVk"}')
    }
  )

  it.each([
    ['nothing', {}],
    ['an empty text', { sealed: '' }],
    ['a text that is too long', { sealed: 'x'.repeat(16_385) }],
    ['padding', { sealed: 'c2VhbGVkIQ==' }],
    ['base64 with other characters', { sealed: 'a+b/' }],
    ['a line break at the end', { sealed: 'c2VhbGVk\n' }],
    ['a number', { sealed: 7 }],
    ['the keyring itself', { keyring: { keys: [] } }]
  ])('cannot be created with %s', async (_, json) => {
    const server = await startServer()
    const answer = await call(`${server.url}/v1/handovers`, { json })
    const { kind, errors } = await problemOf(answer)
    expect([answer.status, kind]).toEqual([400, 'invalid-request'])
    expect(errors?.[0]?.message).toMatch(/base64url|`sealed`/)
  })

  it('leaves no trace in the log, whatever is asked for', async () => {
    const server = await startServer({ env: { RATE_LIMIT: 'on' } })
    const sealed = 'VGhlIHRyZWFzdXJlIGlzIHVuZGVyIHRoZSBvYWs'
    const handover = await createHandover(server, sealed)
    const headers = { referer: handover, 'user-agent': handover, 'x-request-id': idIn(handover) }
    await call(handover, { headers })
    await call(handover, { headers: { ...headers, accept: BROWSER } })
    await call(`${handover}%zz`, { headers })
    await call(`${server.url}/v1/handovers`, { json: { sealed: `${sealed}=` }, headers })
    await exchangeBytes(server.port, `POST ${handover} HTTP/9.1\r\n\r\n`)
    expect(await take(handover)).toBe(JSON.stringify({ sealed }))
    expect(await take(handover)).toEqual(NOT_FOUND)
    await server.close()
    const log = server.log.join('')
    for (const secret of [idIn(handover), sealed]) expect(log).not.toContain(secret)
    expect(log).toContain('"route":"/v1/handovers/:handover"')
  })

  it.each([
    [
      'create-handover',
      (url: string, headers: Record<string, string>) => call(url, { json: { sealed: 'x' }, headers })
    ],
    [
      'take-handover',
      (url: string, headers: Record<string, string>, id: number) =>
        call(`POST ${url}/${`${id}`.padStart(36, 'x')}`, { headers })
    ]
  ] as const)('is limited for each network (%s), whatever id or user is named', async (work, ask) => {
    const server = await startServer({ env: { RATE_LIMIT: 'on', TRUST_PROXY: 'on' } })
    const url = `${server.url}/v1/handovers`
    const from = (address: string, id: number) => ({
      'x-forwarded-for': address,
      authorization: `Bearer 406a3207-a070-4411-b9b6-${`${id}`.padStart(12, '0')}`
    })
    for (let count = 0; count < RATE_LIMITS[work].network; count++) {
      expect((await ask(url, from('192.0.2.1', count), count)).status).not.toBe(429)
    }
    expect(await refusal(await ask(url, from('192.0.2.1', 999), 999))).toEqual([429, 'rate-limited'])
    expect((await ask(url, from('192.0.2.2', 999), 999)).status).not.toBe(429)
  })

  it('is not lost if the store fails while it is taken', async () => {
    let isAway = false
    const server = await startServer({
      wrap: (store) => ({
        ...store,
        handovers: {
          ...store.handovers,
          take: async (...all) => {
            if (isAway) throw new StoreUnavailable('unreachable')
            return await store.handovers.take(...all)
          }
        }
      })
    })
    const handover = await createHandover(server)
    isAway = true
    expect(await take(handover)).toEqual([503, 'store-unreachable'])
    isAway = false
    expect(await take(handover)).toBe('{"sealed":"c2VhbGVk"}')
  })
})
