/** Readers who connect while others post, over real sockets and a slow store. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createChatWithMember, knock, post } from '../../../support/api.ts'
import { startServer } from '../../../support/server.ts'
import { slowStore } from '../../../support/slow-store.ts'
import { openStream } from '../../../support/streams.ts'

describe('the seam between replay and live', () => {
  /** Event 1 is a request, 2 its approval; after that every third is a request and the others are messages. */
  const LAST = 42
  const isKnock = (id: number) => id < 3 || id % 3 === 2

  /** The ids that a reader receives after its cursor, up to the last. */
  async function idsAfter(cursor: number, events: string, user: string): Promise<number[]> {
    const stream = await openStream(`${events}?last_event_id=${cursor}`, { user })
    const seen: number[] = []
    for (let event = await stream.next(); event !== undefined; event = await stream.next()) {
      if (event.event !== 'ready') seen.push(Number(event.id))
      if (Number(event.id) >= LAST) break
    }
    stream.close()
    return seen
  }

  it('loses and repeats nothing, however slow the store is and wherever readers start', async () => {
    const all = Array.from({ length: LAST }, (_, index) => index + 1)
    const turns = fc.infiniteStream(fc.nat(3))
    const arrivals = fc.array(fc.integer({ min: 3, max: LAST }), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(turns, arrivals, async (turn, arriving) => {
        const server = await startServer({ wrap: (store) => slowStore(store, () => turn.next().value) })
        const { chat, owner, link, member } = await createChatWithMember(server)
        const comeIn = async (at: number) => {
          const [toOwner, toMember] = await Promise.all([
            idsAfter(at % 3, `${chat}/events`, owner),
            idsAfter(at - 1, `${chat}/events`, member)
          ])
          expect(toOwner).toEqual(all.filter((id) => id > at % 3))
          expect(toMember).toEqual(all.filter((id) => id >= at && !isKnock(id)))
        }
        const readers: Promise<void>[] = []
        for (let id = 3; id <= LAST; id++) {
          readers.push(...arriving.filter((at) => at === id).map(comeIn))
          await (isKnock(id) ? knock(link) : post(chat, id % 2 === 0 ? owner : member, `${id}`))
        }
        await Promise.all(readers)
        await server.close()
      }),
      { numRuns: 40 }
    )
  }, 120_000)
})
