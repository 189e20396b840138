/** Writes a folder with a million messages directly in the store's format, which is much faster than posting them. */
import { open } from 'lmdb'
import { newDoor } from '../../../src/chat/changes.ts'
import { type ChatId, digestOf, newChatId, newUserId, tagOf, type UserId } from '../../../src/chat/ids.ts'
import { messageJson, wholeDoor } from '../../../src/store/codec.ts'
import { withChecksum } from '../../../src/store/file/checksums.ts'
import * as records from '../../../src/store/file/records.ts'
import { opened } from '../../support/file-store.ts'

export const CHATS = 10_000
export const MESSAGES_A_CHAT = 100
const CHATS_AT_ONCE = 500

export interface FilledChat {
  readonly chat: ChatId
  readonly owner: UserId
}

export async function fill(folder: string): Promise<FilledChat[]> {
  await (await opened(folder)).close()
  const db = open<Buffer, Buffer>({
    path: folder,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    noSync: true
  })
  const chats = Array.from({ length: CHATS }, () => ({ chat: newChatId(), owner: newUserId() }))
  // In the order of the keys, so that the file is written sequentially.
  chats.sort((one, other) => Buffer.compare(Buffer.from(tagOf(one.chat)), Buffer.from(tagOf(other.chat))))
  for (let first = 0; first < CHATS; first += CHATS_AT_ONCE) {
    await db.batch(() => {
      for (const one of chats.slice(first, first + CHATS_AT_ONCE)) {
        for (const [key, value] of entriesOf(one)) db.put(key, withChecksum(key, value))
      }
    })
  }
  await db.close()
  return chats
}

function* entriesOf({ chat, owner }: FilledChat): Generator<[key: Buffer, value: Buffer]> {
  const tag = tagOf(chat)
  const now = Date.now()
  let messageBytes = 0
  for (let id = 1; id <= MESSAGES_A_CHAT; id++) {
    const value = Buffer.from(
      messageJson(id, { from: 'owner', text: `message ${id} ${'m'.repeat(80)}`, createdAt: now })
    )
    messageBytes += value.length + 1
    yield [records.messageKey(tag, id), value]
  }
  const record = {
    version: 1,
    lastEventId: MESSAGES_A_CHAT,
    idleSince: now,
    messageBytes,
    joins: 0,
    newestForgotten: 0,
    rights: 0,
    lastOldEvent: 0,
    kept: 0
  }
  yield [records.chatKey(tag), records.encodeRecord(record)]
  yield [records.headKey(tag), Buffer.from(wholeDoor(newDoor(chat, digestOf(owner), now)).head)]
  yield [records.idleKey(tag, record), Buffer.alloc(0)]
}
