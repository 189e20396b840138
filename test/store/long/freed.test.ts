/** Closed chats and former guests use no memory. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { createService } from '../../../src/chat/service.ts'
import { memoryStore } from '../../../src/store/memory/memory-store.ts'
import { ROOMY } from '../contract.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const heapMiB = () => {
  collect()
  collect()
  return process.memoryUsage().heapUsed / 2 ** 20
}

const serviceOf = (limits = ROOMY) => createService({ store: memoryStore(limits), now: Date.now, chatTtlMs: 0 })

it('200,000 chats with a message and a knock, created and closed one after the other, leave no memory in use', async () => {
  // Room for about a thousand chats, so closed chats must free the room that they were counted with.
  const service = serviceOf({ ...ROOMY, maxStoreBytes: 4_000_000 })
  const run = async (count: number) => {
    for (let created = 0; created < count; created++) {
      const { chat, author } = await service.createChat()
      const { link } = await service.createLink(chat, author)
      await service.exchange(link.id, undefined, { name: 'Ana' })
      await service.postMessage(chat, author, 'hello', 'a key')
      await service.closeChat(chat, author)
    }
  }
  await run(2000)
  const before = heapMiB()
  await run(200_000)
  expect(heapMiB() - before).toBeLessThan(2)
})

it('40,000 guests who knock at one link and leave or are declined leave no memory in use', async () => {
  const service = serviceOf()
  const { chat, author } = await service.createChat()
  const { link } = await service.createLink(chat, author)
  const run = async (count: number) => {
    for (let knocked = 0; knocked < count; knocked++) {
      const exchange = await service.exchange(link.id, undefined, { name: `guest ${knocked}` })
      if (exchange.is !== 'guest') throw new Error('a newcomer is a guest')
      if (knocked % 2 === 0) await service.leave(link.id, exchange.client)
      else await service.decide(link.id, author, exchange.request.id, 'decline')
    }
  }
  // More than the limits on kept requests and join events, so that memory use is constant from here on.
  await run(3000)
  const before = heapMiB()
  await run(40_000)
  expect(heapMiB() - before).toBeLessThan(2)
})
