/** The JSON of messages can contain raw line breaks if a node with an older version stores or publishes them. */
import { expect, it } from 'vitest'
import { postKey } from '../../../src/chat/ids.ts'
import { chatKey } from '../../../src/store/redis/keys.ts'
import { aUser } from '../../support/doors.ts'
import { RAW_TEXT, rawJson, sentEvent, sentJson } from '../../support/raw-message.ts'
import { haveAll } from '../../support/real-parts.ts'
import { aNode, aRedis } from '../../support/redis.ts'
import { ALL, aChat, allNotified, append, loaded, message, messagesAfter, texts, watched } from '../contract/support.ts'

it.skipIf(!haveAll('redis-server', 'redis-cli'))(
  'a message of an older version is notified and read without raw line breaks',
  async () => {
    const redis = await aRedis()
    const store = await aNode(redis.url)
    const tag = await aChat(store)
    const { door } = await loaded(store, tag)
    await append(store, tag, 'hello')
    const { events } = await watched(store, tag)
    const chat = chatKey(tag)
    const key = postKey(aUser(), 'key')
    await redis.cli('xadd', `${chat}:messages`, '2-0', 'e', rawJson(2))
    await redis.cli('hset', chat, 'last', '2')
    await redis.cli('hset', `${chat}:posts`, key, '2')
    await redis.cli('spublish', chat, `m 1 0 2 ${rawJson(2)}`)
    await allNotified(store)

    expect(events).toEqual([sentEvent(2)])
    expect(await texts(store, tag)).toEqual(['hello', RAW_TEXT])
    expect(await messagesAfter(store, tag, 1)).toEqual({
      json: [Buffer.from(sentJson(2))],
      count: 1,
      upTo: 2,
      hasMore: false
    })
    expect(await store.events(tag, 1, ALL)).toEqual([sentEvent(2)])
    expect(await store.append(tag, door.rights, message('another'), key)).toEqual(sentEvent(2))
  }
)
