/** The page for browsers at unknown paths. */
import { describe, expect, it } from 'vitest'
import { call } from '../../support/api.ts'
import { rawRequest } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
const SECRET = '406a3207-a070-4411-b9b6-8527c0c19c7e'

const NOWHERE = [
  '/nowhere',
  `/${SECRET}?user_id=${SECRET}`,
  '/foo/',
  '/docs/nothing',
  '/docs/static/nothing',
  '/docs/static/%00',
  '/docs/static/../x',
  '/docs/static/%2e%2e/x',
  '/assets/nothing',
  '/assets/',
  '/health/x',
  '/v1x',
  '/i',
  '/i/',
  '/i/x/nowhere',
  '/ix/y',
  '/V1/chats',
  '//v1/chats',
  '/%zz',
  '/index.html',
  '/not-found.html'
]

describe('an unknown path', () => {
  it('is a page for a browser, which quotes nothing, and JSON for a program', async () => {
    const { port } = await startServer()
    const ask = (method: string, target: string, accept: string) =>
      rawRequest(port, [`${method} ${target} HTTP/1.1`, 'Host: localhost', `Accept: ${accept}`])
    const { body } = await ask('GET', '/elsewhere', BROWSER)
    expect(body).toContain('Page not found')
    expect(body).not.toMatch(/<script|style=|__BASE__/)
    for (const target of NOWHERE) {
      const page = await ask('GET', target, BROWSER)
      expect([target, page.status, page.headers.get('content-type')]).toEqual([target, 404, 'text/html; charset=utf-8'])
      expect(page.body).toBe(body)
      expect(page.headers.get('vary')).toBe('Accept')
      expect(page.headers.get('cache-control')).toBe('no-store')
      expect(page.headers.get('content-security-policy')).toBe(
        "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none';style-src 'self';img-src 'self'"
      )
      const head = await ask('HEAD', target, BROWSER)
      expect([head.status, head.headers.get('content-type'), head.body]).toEqual([404, 'text/html; charset=utf-8', ''])
      for (const [method, accept] of [
        ['GET', '*/*'],
        ['GET', 'application/json, text/html;q=0.9'],
        ['POST', BROWSER]
      ] as const) {
        const { headers } = await ask(method, target, accept)
        expect([target, headers.get('content-type')]).toEqual([target, 'application/problem+json'])
      }
    }
  })

  it("is JSON for everybody below the API's path", async () => {
    const { port } = await startServer()
    for (const path of ['/v1', '/v1/', '/v1/nowhere', '/%761/nowhere', '/v1/chats/x/nowhere', '/v1/links/x//']) {
      const answer = await rawRequest(port, [`GET ${path} HTTP/1.1`, 'Host: localhost', `Accept: ${BROWSER}`])
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([path, 404, 'application/problem+json'])
    }
  })

  it('links to the start page below the path of PUBLIC_URL', async () => {
    for (const [PUBLIC_URL, base] of [
      ['http://localhost', '/'],
      ['https://localhost/silly/chat/', '/silly/chat/']
    ] as const) {
      const server = await startServer({ env: { PUBLIC_URL } })
      const page = await (await call(`${server.url}/nowhere`, { headers: { accept: BROWSER } })).text()
      const found = [...page.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, address]) => address)
      expect(found).toContain(base)
      expect(found).toHaveLength(3)
      for (const address of found) expect(address?.startsWith(base)).toBe(true)
      for (const file of found.filter((address) => address !== base)) {
        expect((await call(server.url + file?.replace(base, '/'))).status).toBe(200)
      }
    }
  })
})
