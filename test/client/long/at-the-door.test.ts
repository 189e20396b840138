/** A guest with a bad connection keeps waiting and misses no decision. */
import { describe, expect, it } from 'vitest'
import { always, atTheDoor, split } from '../fetches.ts'

describe('a guest is admitted', () => {
  it('if all streams break before the first event', async () => {
    const { owner, link, guest } = await atTheDoor(() => split(async () => Promise.reject(new TypeError('reset'))))
    await owner.approve(link)
    expect(await guest.waitUntilAdmitted()).toMatchObject({ url: owner.url, userId: guest.clientId })
  }, 20_000)

  it('if the stream ended while they were pending and the state could not be read', async () => {
    let polls = 0
    const { owner, guest } = await atTheDoor((owner, requestId) =>
      split(always(null, { status: 204 }), async (input, init) => {
        polls++
        if (polls === 1) return new Response(null, { status: 503 })
        if (polls === 3) await owner.approve(`${input}`, requestId)
        return fetch(input, init)
      })
    )
    expect(await guest.waitUntilAdmitted()).toMatchObject({ url: owner.url })
    expect(polls).toBe(3)
  }, 20_000)
})
