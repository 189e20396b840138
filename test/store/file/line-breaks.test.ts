/** The JSON of messages can contain raw line breaks if an older version stored them. They are read escaped. */
import { expect, it } from 'vitest'
import { postKey } from '../../../src/chat/ids.ts'
import { withChecksums } from '../../../src/store/file/checksums.ts'
import { fileStore } from '../../../src/store/file/file-store.ts'
import { messageKey } from '../../../src/store/file/records.ts'
import { memoryDisk } from '../../support/disks.ts'
import { aUser } from '../../support/doors.ts'
import { RAW_TEXT, rawJson, sentEvent, sentJson } from '../../support/raw-message.ts'
import { ALL, aChat, append, loaded, message, messagesAfter, texts } from '../contract/support.ts'

it('a message of an older version is read without raw line breaks, with the same text', async () => {
  const disk = memoryDisk()
  const options = { maxChatBytes: 10_000, onBroken: () => undefined, onFault: () => undefined }
  const before = fileStore(disk, options)
  const tag = await aChat(before)
  const { door } = await loaded(before, tag)
  const key = postKey(aUser(), 'key')
  await append(before, tag, 'hello')
  await before.append(tag, door.rights, message(RAW_TEXT), key)
  await append(before, tag, 'bye')
  await before.close()
  await withChecksums(disk).write([{ key: messageKey(tag, 2), value: Buffer.from(rawJson(2)) }])

  const store = fileStore(disk, options)
  expect(await texts(store, tag)).toEqual(['hello', RAW_TEXT, 'bye'])
  expect(await messagesAfter(store, tag, 1, { limit: 1 })).toEqual({
    json: [Buffer.from(sentJson(2))],
    count: 1,
    upTo: 2,
    hasMore: true
  })
  expect((await store.events(tag, 1, ALL))[0]).toEqual(sentEvent(2))
  expect(await store.append(tag, door.rights, message('another'), key)).toEqual(sentEvent(2))
})
