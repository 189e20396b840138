/** Swagger UI in a browser. */
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../foreign/chromium.ts'
import { startNginx } from '../../foreign/nginx.ts'
import { createChatWithMember, requestsOf } from '../../support/api.ts'
import { freePort } from '../../support/ports.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { openWindow, type Window } from '../window.ts'

interface Answer {
  readonly status: number
  readonly body: Record<string, string | undefined>
}

/** The page, and the actions of a person. */
class Docs {
  readonly page: Page
  readonly errors: readonly string[]

  constructor({ page, errors }: Window) {
    this.page = page
    this.errors = errors
  }

  /** Opens the operation if it is closed. */
  async operation(name: string): Promise<Locator> {
    const operation = this.page.locator(`.opblock[id$="-${name}"]`)
    const isOpen = await operation.evaluate((element) => element.classList.contains('is-open'))
    if (!isOpen) await operation.locator('.opblock-summary-control').click()
    await operation.locator('.responses-wrapper').waitFor()
    return operation
  }

  async authorize(scheme: 'owner' | 'guest', userId: string): Promise<void> {
    await this.page.getByRole('button', { name: 'Authorize' }).first().click()
    const dialog = this.page.locator('.auth-container').filter({ has: this.page.getByText(scheme, { exact: true }) })
    await dialog.getByLabel('auth-bearer-value').fill(userId)
    await dialog.getByRole('button', { name: 'Apply credentials' }).click()
    await dialog.getByRole('button', { name: 'Close' }).click()
  }

  async sendAs(name: string, sender: string): Promise<void> {
    await (await this.operation(name)).getByLabel('Send as').selectOption(sender)
  }

  async isLocked(name: string): Promise<boolean> {
    const lock = (await this.operation(name)).locator('.authorization__btn').first()
    return (await lock.getAttribute('aria-label')) === 'authorization button locked'
  }

  /** Fills the fields, which are named by their placeholders, and sends the request. */
  async execute(name: string, fields: Record<string, string> = {}, body?: object): Promise<Answer> {
    const operation = await this.operation(name)
    for (const [placeholder, value] of Object.entries(fields)) {
      await operation.getByPlaceholder(placeholder, { exact: true }).fill(value)
    }
    if (body !== undefined) await operation.locator('textarea').fill(JSON.stringify(body))
    const answered = this.page.waitForResponse((response) => response.url().includes('/v1/'))
    await operation.getByRole('button', { name: 'Execute' }).click()
    const response = await answered
    return { status: response.status(), body: await response.json() }
  }
}

/** Swagger UI renders slowly: every operation has a dozen answers. */
const TIMEOUT_MS = 300_000

let browser: Promise<Browser> | undefined

afterAll(async () => (await browser)?.close())

async function openDocs(url: string): Promise<Docs> {
  browser ??= launchChromium()
  const docs = new Docs(await openWindow(await browser))
  docs.page.setDefaultTimeout(TIMEOUT_MS / 5)
  await docs.page.goto(url)
  await docs.page.getByText('/v1/approval').first().waitFor()
  return docs
}

describe.skipIf(!haveAll('chromium'))('Swagger UI', () => {
  it(
    'is sufficient to create a chat, join it and talk, as owner and guest at once',
    async () => {
      const server = await startServer()
      const docs = await openDocs(`${server.url}/docs`)

      const { chat = '', author_id = '' } = (await docs.execute('createChat')).body
      await docs.authorize('owner', author_id)
      const { link = '' } = (await docs.execute('createLink', {}, { chat })).body

      const knocked = await docs.execute('exchangeLink', { link })
      expect([knocked.status, knocked.body]).toMatchObject([202, { state: 'pending', chat: null }])
      expect((await docs.execute('approve', {}, { link })).status).toBe(200)
      await docs.authorize('guest', knocked.body['client_id'] ?? '')
      const exchanged = await docs.execute('exchangeLink', { link })
      expect([exchanged.status, exchanged.body]).toMatchObject([200, { state: 'approved', chat }])

      for (const text of ['one', 'two']) {
        expect((await docs.execute('postMessage', { chat }, { text })).status).toBe(201)
      }
      await docs.sendAs('postMessage', 'the guest')
      expect((await docs.execute('postMessage', { chat }, { text: 'three' })).status).toBe(201)
      for (const sender of ['the owner', 'the guest']) {
        await docs.sendAs('readChat', sender)
        const { status, body } = await docs.execute('readChat', { chat })
        expect([status, body]).toMatchObject([200, { messages: [{ text: 'one' }, { text: 'two' }, { text: 'three' }] }])
      }

      expect(docs.errors).toEqual([])
    },
    TIMEOUT_MS
  )

  it(
    'sends the chosen user id, shows that request, and can ask to join again',
    async () => {
      const server = await startServer()
      const { chat, owner, link, member } = await createChatWithMember(server)
      const docs = await openDocs(`${server.url}/docs`)
      expect(await docs.isLocked('exchangeLink')).toBe(false)
      await docs.authorize('owner', owner)
      await docs.authorize('guest', member)
      expect(await docs.isLocked('exchangeLink')).toBe(true)
      const sent: (string | undefined)[] = []
      docs.page.on('request', (request) => sent.push(request.headers()['authorization']))
      for (const [sender, request_sent_status, status] of [
        ['the guest', true, 200],
        ['the owner', false, 200],
        ['nobody (send no user id)', true, 202]
      ] as const) {
        await docs.sendAs('exchangeLink', sender)
        const answer = await docs.execute('exchangeLink', { link })
        expect([answer.status, answer.body]).toMatchObject([status, { request_sent_status }])
      }
      expect(sent).toEqual([`Bearer ${member}`, `Bearer ${owner}`, undefined])
      const operation = await docs.operation('exchangeLink')
      expect(await operation.locator('.curl-command').innerText()).not.toContain('Authorization')
      expect(await requestsOf(chat, owner)).toHaveLength(2)
    },
    TIMEOUT_MS
  )

  it(
    'has our title, and shows how to follow a stream instead of a button for a request that it cannot show',
    async () => {
      const server = await startServer()
      const docs = await openDocs(`${server.url}/docs`)
      expect(await docs.page.title()).toBe('Silly Chat API')
      expect(await docs.page.locator('.topbar').count()).toBe(0)
      const buttons = (operation: Locator) => operation.getByRole('button', { name: /Execute|Try it out|Cancel/ })
      for (const name of ['followChat', 'followLink']) {
        const operation = await docs.operation(name)
        await operation.getByText('curl -N').first().waitFor()
        expect(await buttons(operation).count()).toBe(0)
      }
      expect(await buttons(await docs.operation('listLinks')).count()).toBe(2)
    },
    TIMEOUT_MS
  )

  it.skipIf(!haveAll('nginx')).each(['/docs', '/docs/'])(
    'works at %s under a path that a proxy strips',
    async (path) => {
      const port = await freePort()
      const url = `http://localhost:${port}/chat`
      const server = await startServer({ env: { PUBLIC_URL: url } })
      await startNginx(server.port, { path: '/chat/', port })
      const docs = await openDocs(`${url}${path}`)
      const outside: string[] = []
      docs.page.on('request', (request) => {
        if (!request.url().startsWith(`${url}/`)) outside.push(request.url())
      })
      await docs.page.reload()
      await docs.page.getByText('/v1/approval').first().waitFor()
      const { chat = '', author_id = '' } = (await docs.execute('createChat')).body
      expect(chat).toMatch(url)
      await docs.authorize('owner', author_id)
      expect((await docs.execute('listLinks', { chat })).status).toBe(200)
      expect([outside, docs.errors]).toEqual([[], []])
    },
    TIMEOUT_MS
  )
})
