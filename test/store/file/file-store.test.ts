import { describe, expect, it } from 'vitest'
import { tagOf } from '../../../src/chat/ids.ts'
import { aDoor } from '../../support/doors.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { CONTRACT } from '../contract.ts'

describe('the file store', () => {
  for (const { promise, run } of CONTRACT) it(promise, () => run((limits) => opened(aFolder(), limits)))

  it('also finds idle chats that nobody watches', async () => {
    const store = await opened(aFolder())
    const { door } = aDoor(1)
    await store.create(door)
    expect([await store.idleChats(0, 0), await store.idleChats(0, 1)]).toEqual([[], [tagOf(door.chat)]])
  })
})
