/** The EventSource of a real browser. */
import { describe, expect, it } from 'vitest'
import { approve, createChat, createLink, knock } from '../../support/api.ts'
import { haveAll } from '../../support/real-parts.ts'
import { startServer } from '../../support/server.ts'
import { followInPage, startChromium } from '../chromium.ts'
import { followAcrossRestart } from '../restart.ts'

describe.skipIf(!haveAll('chromium'))("the browser's EventSource", () => {
  it('misses nothing during a restart, on pages of the same and of another origin', async () => {
    const browser = await startChromium()
    const other = await startServer()
    await followAcrossRestart({
      follow: async (front, events) => [
        await followInPage(browser, `${front.url}/health`, events),
        await followInPage(browser, `${other.url}/health`, events)
      ]
    })
  }, 40_000)

  it('of a guest stops by itself when the guest is approved', async () => {
    const browser = await startChromium()
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const { client } = await knock(link)
    const follower = await followInPage(browser, `${server.url}/health`, `${link}/events?user_id=${client}`)
    await follower.until(({ events }) => events.length === 1)
    await approve(link, owner)
    await follower.until(({ isClosed }) => isClosed)
    expect(follower.events).toEqual([
      ['approval', 'pending'],
      ['approval', 'approved']
    ])
    expect([follower.opened, follower.failed]).toEqual([1, 2])
  }, 20_000)
})
