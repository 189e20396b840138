/** The page and the API under a path, which nginx strips. */
import { expect, it } from 'vitest'
import { freePort } from '../../support/ports.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { expectTexts, meet, openWindow, send } from '../../web/window.ts'
import { startChromium } from '../chromium.ts'
import { startNginx } from '../nginx.ts'

it.skipIf(!haveAll('nginx', 'chromium'))(
  'two people meet and talk under /chat/, and the page requests nothing outside it',
  async () => {
    const port = await freePort()
    const url = `http://localhost:${port}/chat`
    const server = await startServer({ env: { PUBLIC_URL: url } })
    await startNginx(server.port, { path: '/chat/', port })
    const browser = await startChromium()
    const [owner, guest, reader] = [await openWindow(browser), await openWindow(browser), await openWindow(browser)]
    const outside: string[] = []
    for (const { page } of [owner, guest, reader]) {
      page.on('request', (request) => {
        if (!request.url().startsWith(`${url}/`)) outside.push(request.url())
      })
    }

    const { chat, link } = await meet(owner, guest, `${url}/`)
    expect([chat, link]).toEqual([expect.stringMatching(`^${url}/v1/chats/`), expect.stringMatching(`^${url}/i/`)])
    await send(guest, 'hello')
    await expectTexts(owner, ['hello'])
    await guest.page.reload()
    await expectTexts(guest, ['hello'])

    await reader.page.goto(`${url}/docs`)
    await reader.page.getByText('/v1/approval').first().waitFor()
    expect(outside).toEqual([])
    expect([owner, guest, reader].flatMap(({ errors }) => errors)).toEqual([])
  },
  60_000
)
