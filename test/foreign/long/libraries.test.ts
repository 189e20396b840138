/** Libraries that pages use instead of EventSource, in a browser, on a page of another origin. */
import { describe, expect, it } from 'vitest'
import { haveAll } from '../../support/real-parts.ts'
import { startChromium } from '../chromium.ts'
import { followAcrossKill, startKillable, TEXTS } from '../killed.ts'
import { followWith, type Library } from '../libraries.ts'

const wanted = TEXTS.map((text, index) => [`${index + 1}`, index + 1, text])

describe.skipIf(!haveAll('chromium'))('in a browser', () => {
  it.each<[Library, string, string[]]>([
    ['fetch-event-source', '', ['ready', 'ready', 'closed', 'end']],
    // An EventSource reconnects after the end, too, and stops because the chat no longer exists.
    ['event-source-polyfill', '', ['ready', 'ready', 'closed']],
    ['event-source-polyfill', '?lastEventId=0', ['ready', 'ready', 'closed']]
  ])(
    '%s receives every event once, and at once, even if the server is killed (%j)',
    async (library, query, names) => {
      const scene = await startKillable()
      const browser = await startChromium()
      const follower = await followWith(library, browser, `${scene.chat}/events${query}`, scene.owner)
      await follower.until(({ events }) => events.length === 1)
      await followAcrossKill(scene, {
        sees: (text) => follower.hasText(text),
        isCut: () => follower.until(({ failed }) => failed > 0),
        isOver: () => follower.until(({ isClosed }) => isClosed)
      })
      expect(follower.messages).toEqual(wanted)
      expect(follower.events.map(([name]) => name)).toEqual(names)
    },
    90_000
  )
})
