/** A guest whose way to the server is bad waits on, and misses no decision. */
import { describe, expect, it } from 'vitest'
import { always, atTheDoor, split } from '../fetches.ts'

describe('a guest is let in', () => {
  it('whose streams all break before they have brought anything', async () => {
    const { owner, link, guest } = await atTheDoor(() => split(async () => Promise.reject(new TypeError('reset'))))
    await owner.approve(link)
    expect(await guest.waitUntilAdmitted()).toMatchObject({ url: owner.url, userId: guest.clientId })
  }, 20_000)

  it('who was still waiting when the stream ended, and whose state could not be read then', async () => {
    let looks = 0
    const { owner, guest } = await atTheDoor((owner, requestId) =>
      split(always(null, { status: 204 }), async (input, init) => {
        looks++
        if (looks === 1) return new Response(null, { status: 503 })
        if (looks === 3) await owner.approve(`${input}`, requestId)
        return fetch(input, init)
      })
    )
    expect(await guest.waitUntilAdmitted()).toMatchObject({ url: owner.url })
    expect(looks).toBe(3)
  }, 20_000)
})
