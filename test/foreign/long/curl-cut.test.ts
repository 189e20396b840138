/** The exit code of curl: 0 if a stream has ended, 18 if it broke. */
import { describe, expect, it } from 'vitest'
import { call, post } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { as, startCurl } from '../curl.ts'
import { startKillable } from '../killed.ts'
import { startNginx } from '../nginx.ts'

const throughNginx = async ({ url }: { url: string }) => (await startNginx(Number(new URL(url).port))).url

describe.each([
  ['directly', haveAll('curl'), async ({ url }: { url: string }) => url],
  ['through nginx', haveAll('curl', 'nginx'), throughNginx]
])('curl, %s', (_how, isInstalled, route) => {
  it.skipIf(!isInstalled)(
    'exits with 18 when the server is killed, and with 0 when the chat is closed',
    async () => {
      const { server, chat, owner } = await startKillable()
      const events = `${await route(server)}${new URL(chat).pathname}/events`
      const cut = startCurl('-sSN', ...as(owner), events)
      await cut.shows('event: ready')
      await post(chat, owner, 'hello')
      await cut.shows('"text":"hello"')
      await server.kill()
      expect(await cut.exit).toBe(18)

      await server.start()
      const complete = startCurl('-sSN', ...as(owner), '-H', 'Last-Event-ID: 0', events)
      await complete.shows('event: ready')
      await call(`DELETE ${chat}`, { user: owner })
      expect(await complete.exit).toBe(0)
      expect(complete.output()).toMatch(/"text":"hello".*event: ready.*event: closed\ndata: .*\n\n$/s)
    },
    90_000
  )
})
