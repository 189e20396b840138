/** A damaged record is an error for its own chat and for nobody else. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { type ChatTag, postKey, tagOf } from '../../../src/chat/ids.ts'
import { createService } from '../../../src/chat/service.ts'
import { JOIN_EVENTS_KEPT, type Store } from '../../../src/chat/store.ts'
import { RecordDamaged } from '../../../src/store/file/checksums.ts'
import type { Disk } from '../../../src/store/file/disk.ts'
import { fileStore } from '../../../src/store/file/file-store.ts'
import * as records from '../../../src/store/file/records.ts'
import { call, createChat, createLink, knock, post, readTexts } from '../../support/api.ts'
import { type MemoryDisk, memoryDisk, turns } from '../../support/disks.ts'
import { aDoor, aUser } from '../../support/doors.ts'
import { eventually } from '../../support/eventually.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'
import {
  ALL,
  aChat,
  append,
  commitKnock,
  loaded,
  message,
  messagesAfter,
  NOON,
  tagIn,
  texts
} from '../contract/support.ts'

const KEY = postKey(aUser(), 'once')

function storeOver(disk: Disk, faults: unknown[] = []): Store {
  const store = fileStore(disk, {
    maxChatBytes: 1_000_000,
    clock: { evenForMs: 0 },
    onFault: (fault) => faults.push(fault),
    onBroken: (fault) => {
      throw fault
    }
  })
  onTestFinished(() => store.close())
  return store
}

/** Flips a bit of the first value of this kind, behind the store's back. */
async function damage(disk: MemoryDisk, kind: string, tag: ChatTag): Promise<void> {
  const found = disk.keys().find((key) => key.startsWith(`${kind}${tag}`))
  if (found === undefined) throw new Error(`no record under ${kind}`)
  const key = Buffer.from(found, 'latin1')
  const value = Buffer.from(disk.get(key) ?? '')
  const at = value.length >> 1
  value.writeUInt8(value.readUInt8(at) ^ 0x10, at)
  await disk.write([{ key, value }])
}

/** A chat with records of all kinds. */
async function aWholeChat(store: Store): Promise<ChatTag> {
  const { door } = aDoor(1)
  const tag = await aChat(store, door)
  expect(await store.append(tag, 0, message('first', 1), KEY)).toMatchObject({ id: 1 })
  await append(store, tag, 'second', 1)
  await commitKnock(store, tag, { now: 1 })
  return tag
}

/** Two such chats, the first of which is damaged, in a store that has read neither. */
async function aDamagedAndASoundChat(kind: string) {
  const disk = memoryDisk()
  const before = storeOver(disk)
  const [damaged, sound] = [await aWholeChat(before), await aWholeChat(before)]
  await turns()
  await damage(disk, kind, damaged)
  const faults: unknown[] = []
  return { disk, store: storeOver(disk, faults), faults, damaged, sound }
}

async function isDamaged(work: Promise<unknown>): Promise<boolean> {
  return await work.then(
    () => false,
    (error: unknown) => {
      if (error instanceof RecordDamaged) return true
      throw error
    }
  )
}

/** What can be asked of a chat. */
const VERBS: Readonly<Record<string, (store: Store, tag: ChatTag) => Promise<unknown>>> = {
  load: (store, tag) => store.load(tag),
  messages: (store, tag) => messagesAfter(store, tag),
  events: (store, tag) => store.events(tag, 0, ALL),
  newest: (store, tag) => store.newestMessages(tag, { count: 1 }),
  repeat: (store, tag) => store.append(tag, 0, message('first'), KEY),
  append: (store, tag) => store.append(tag, 0, message('third')),
  commit: async (store, tag) => {
    const { door, version } = await loaded(store, tag)
    return await store.commit(tag, version, door, [], NOON)
  },
  watch: (store, tag) => store.watch(tag, () => {}),
  remove: (store, tag) => store.remove(tag)
}
const EVERYTHING = Object.keys(VERBS)

describe.each([
  ['C', EVERYTHING],
  ['H', EVERYTHING],
  ['Q', EVERYTHING],
  ['M', ['messages', 'events', 'repeat']],
  ['J', ['events']],
  ['P', ['repeat']]
])('a damaged record under %s', (kind, failing) => {
  it('is an error for what needs it, and for nothing else', async () => {
    const { store, damaged, sound } = await aDamagedAndASoundChat(kind)
    for (const [verb, run] of Object.entries(VERBS)) {
      expect(await isDamaged(run(store, damaged)), verb).toBe(failing.includes(verb))
      expect(await isDamaged(run(store, sound)), verb).toBe(false)
    }
  })

  it('prevents neither a start nor the removal of other idle chats', async () => {
    const { store, damaged, sound } = await aDamagedAndASoundChat(kind)
    const idle = await store.idleChats(1, 1)
    expect(idle).toContain(sound)
    const service = createService({ store, now: () => 10_000_000, chatTtlMs: 1000 })
    const isKept = failing.includes('load')
    // The record alone says whether a chat is idle.
    expect(await isDamaged(service.sweep())).toBe(isKept && kind !== 'C')
    expect(await store.load(sound)).toBeUndefined()
    expect(await isDamaged(store.load(damaged))).toBe(isKept)
    await store.ping()
  })
})

describe('a damaged record', () => {
  it.each(['Q', 'M', 'J', 'P'])('under %s of a removed chat is deleted like any other', async (kind) => {
    const disk = memoryDisk()
    const store = storeOver(disk)
    const [removed, next] = [await aWholeChat(store), await aWholeChat(store)]
    await turns()
    await damage(disk, kind, removed)
    for (const tag of [removed, next]) expect(await store.remove(tag)).toBe(true)
    await turns(30)
    expect(disk.keys()).toEqual([])
  })

  it('under J does not keep anybody from decisions when the oldest join events are dropped', async () => {
    const disk = memoryDisk()
    const store = storeOver(disk)
    const tag = await aChat(store)
    await commitKnock(store, tag, { count: JOIN_EVENTS_KEPT })
    await turns()
    await damage(disk, 'J', tag)
    await commitKnock(store, tag)
    expect(await store.events(tag, 1, ALL)).toHaveLength(JOIN_EVENTS_KEPT)
  })

  it('under C is reported once by the search for idle chats', async () => {
    const { store, faults, damaged, sound } = await aDamagedAndASoundChat('C')
    for (let count = 0; count < 3; count++) expect(await store.idleChats(1, 1)).toEqual([sound])
    expect(faults).toEqual([expect.any(RecordDamaged)])
    expect(String(faults)).not.toContain(damaged)
  })

  it('of another chat under this key is found out', async () => {
    const disk = memoryDisk()
    const before = storeOver(disk)
    const [one, other] = [await aWholeChat(before), await aWholeChat(before)]
    await turns()
    for (const id of [1, 2]) {
      await disk.write([{ key: records.messageKey(one, id), value: disk.get(records.messageKey(other, id)) }])
    }
    const store = storeOver(disk)
    expect(await isDamaged(messagesAfter(store, one))).toBe(true)
    expect(await texts(store, other)).toEqual(['first', 'second'])
  })
})

describe('records of version 1, which have no checksum', () => {
  /** A chat with one message and one join event that version 1 has stored. */
  async function anOldChat() {
    const disk = memoryDisk()
    const { door } = aDoor(1)
    const tag = tagOf(door.chat)
    const state = Buffer.alloc(records.OLD_RECORD_BYTES)
    for (const [index, field] of [1, 2, 1, 60, 1, 0].entries()) state.writeDoubleBE(field, index * 8)
    const json = (value: object) => Buffer.from(JSON.stringify(value))
    const key = postKey(aUser(), 'old')
    await disk.write([
      { key: records.OLD.chatKey(tag), value: state },
      { key: records.OLD.doorKey(tag), value: json({ ...door, requests: [] }) },
      { key: records.OLD.messageKey(tag, 1), value: json({ id: 1, text: 'é'.repeat(20), created_at: '' }) },
      { key: records.OLD.joinKey(tag, 2), value: json({ type: 'join_request', request: {} }) },
      { key: records.OLD.postKeyKey(tag, key), value: records.encodeNumber(1) }
    ])
    return { disk, tag, key }
  }

  it.each<[kind: string, failing: string[], broken: (value: Buffer) => Buffer]>([
    ['c', EVERYTHING, (value) => value.subarray(1)],
    ['d', EVERYTHING, (value) => value.subarray(1)],
    ['m', ['messages', 'events', 'repeat'], (value) => value.subarray(1)],
    ['m', ['messages', 'events', 'repeat'], (value) => Buffer.from(value.map((byte) => (byte === 0xc3 ? 0xff : byte)))],
    ['m', ['messages', 'events', 'repeat'], (value) => Buffer.from(value.toString().replace('é', '"'))],
    ['m', ['messages', 'events', 'repeat'], () => Buffer.from('7')],
    ['j', ['events'], (value) => value.subarray(0, -1)],
    ['p', ['repeat'], (value) => value.subarray(1)]
  ])('are errors under %s if their form is damaged, and never broken JSON', async (kind, failing, broken) => {
    const { disk, tag, key } = await anOldChat()
    const found = disk.keys().find((name) => name.startsWith(`${kind}${tag}`)) ?? ''
    const at = Buffer.from(found, 'latin1')
    await disk.write([{ key: at, value: broken(disk.get(at) ?? Buffer.alloc(0)) }])
    const store = storeOver(disk)
    const verbs: typeof VERBS = { ...VERBS, repeat: () => store.append(tag, 0, message('é'), key) }
    for (const [verb, run] of Object.entries(verbs)) {
      expect(await isDamaged(run(store, tag)), verb).toBe(failing.includes(verb))
    }
  })
})

describe('a server with a damaged chat', () => {
  it('answers 500 for it, cuts off its streams, and goes on with all others', async () => {
    const disk = memoryDisk()
    const server = await startServer({ wrap: () => storeOver(disk) })
    const [damaged, sound] = [await createChat(server), await createChat(server)]
    for (const { chat, owner } of [damaged, sound]) {
      // More than a page, so that an answer has begun before the damage is found.
      for (let index = 0; index < 30; index++) await post(chat, owner, `${index}`.padEnd(4000, '.'))
    }
    const link = await createLink(damaged.chat, damaged.owner)
    await knock(link)
    const last = disk.keys().findLast((key) => key.startsWith(`M${tagIn(damaged.chat)}`)) ?? ''
    const key = Buffer.from(last, 'latin1')
    const value = Buffer.from(disk.get(key) ?? '')
    value.writeUInt8(value.readUInt8(50) ^ 1, 50)
    await disk.write([{ key, value }])

    const newest = await call(`${damaged.chat}?after=29`, { user: damaged.owner })
    expect(newest.status).toBe(500)
    // What has begun ends without its last bytes, so no client takes it for whole.
    const all = call(damaged.chat, { user: damaged.owner }).then((answer) => answer.json())
    await expect(all).rejects.toThrow()
    const stream = await openStream(`${damaged.chat}/events?last_event_id=0`, { user: damaged.owner })
    // Newer versions of Node.js reject a body that was cut off.
    const received = await stream.until('ready').catch(() => [])
    expect(received.map(({ event }) => event)).not.toContain('ready')
    await eventually(() => server.log.some((line) => line.includes('RecordDamaged')), 'the damage is logged')
    expect(server.log.join('').includes(tagIn(damaged.chat))).toBe(false)

    expect(await readTexts(sound.chat, sound.owner)).toHaveLength(30)
    expect((await call(`${server.url}/ready`)).status).toBe(200)
    expect((await call(`DELETE ${damaged.chat}`, { user: damaged.owner })).status).toBe(204)
  })
})
