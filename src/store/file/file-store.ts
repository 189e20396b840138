/**
 * The durable store for one process: chats in an ordered file (`disk.ts`), cached in memory. Beyond the contract
 * in `chat/store.ts` it guarantees that a change is acknowledged, readable and broadcast only after it has been synced to
 * disk.
 *
 * A cached chat has two states. Decisions are made on `latest`, so that a thousand posts can be in progress at once.
 * Readers see `durable`, which follows write by write. If `latest` forbids an operation that `durable` would allow, the
 * operation waits until the pending write has succeeded or failed, and is decided again.
 */
import type { Door } from '../../chat/door.ts'
import { type DoorEvent, isForgettable, type Logged, type LoggedEvent, type LoggedMessage } from '../../chat/events.ts'
import { type ChatTag, type PostKey, tagOf } from '../../chat/ids.ts'
import {
  type CommitOptions,
  JOIN_EVENTS_KEPT,
  type Listener,
  type LoadedChat,
  type NewMessage,
  type Store,
  StoreUnavailable
} from '../../chat/store.ts'
import { doorBytes } from '../cache-limits.ts'
import { doorChanges, encodeRequest, messageJson, wholeDoor } from '../codec.ts'
import { type FaultHooks, RetriedFaults } from '../retried-faults.ts'
import { type Chat, ChatCache, type State } from './cache.ts'
import { withChecksums } from './checksums.ts'
import type { Change, Disk } from './disk.ts'
import { EvenClock, type EvenClockOptions } from './even-clock.ts'
import { CrowdedOut, GroupCommit } from './group-commit.ts'
import { fileHandovers } from './handovers.ts'
import { FileLog } from './log.ts'
import * as records from './records.ts'
import { RemovedChatPurger } from './removed-chats.ts'

export interface FileStoreOptions extends FaultHooks {
  /** Limit for the messages of one chat, in bytes. */
  readonly maxChatBytes: number
  /** Called once when the disk is broken. Only a new process can continue with what is on the disk. */
  readonly onBroken: (fault: StoreUnavailable) => void
  /** When idle chats can be removed; for tests. */
  readonly clock?: Partial<EvenClockOptions>
}

const NO_VALUE = Buffer.alloc(0)
const NEW_DATA: CommitOptions = { isWithdrawal: false }
const WITHDRAWAL: CommitOptions = { isWithdrawal: true }
/** The operation to run synchronously, or why it is refused. */
type Decision<Done, Refused> = { readonly act: () => Promise<Done> | Done } | { readonly refused: Refused }

export function fileStore(
  bareDisk: Disk,
  { maxChatBytes, onBroken, onFault, clock: clockOptions }: FileStoreOptions
): Store {
  const disk = withChecksums(bareDisk)
  const commits = new GroupCommit(disk, onBroken)
  const cache = new ChatCache(disk)
  const faults = new RetriedFaults({ onFault })
  const log = new FileLog(disk, faults)
  const purger = new RemovedChatPurger(disk, commits, faults)
  const clock = new EvenClock(clockOptions)
  const listeners = new Map<ChatTag, Set<Listener>>()
  purger.run()

  /** @throws StoreUnavailable if new data is refused */
  function assertRoom(): void {
    if (disk.fullness?.() !== undefined) throw new StoreUnavailable('full')
  }

  /** Writes the next state of a chat, and notifies the listeners after it is durable. */
  function write(
    tag: ChatTag,
    chat: Chat,
    next: State | undefined,
    changes: readonly Change[],
    notification: readonly LoggedEvent[] | 'gone',
    options: CommitOptions
  ): Promise<void> {
    // Before anything depends on it.
    if (!options.isWithdrawal) assertRoom()
    const before = chat.latest
    const upgrade = chat.isOld ? upgradeChanges(tag, before) : []
    chat.latest = next
    chat.isOld = false
    chat.writes++
    const written = new Promise<void>((resolve, reject) => {
      const onEnd = (): void => {
        chat.writes--
        if (chat.durable === undefined && chat.writes === 0) cache.drop(tag, chat)
      }
      commits.add(
        [...upgrade, ...changes, ...recordChanges(tag, before, next)],
        options,
        () => {
          chat.durable = next
          onEnd()
          notify(tag, notification)
          resolve()
        },
        (error) => {
          chat.latest = chat.durable
          chat.isOld ||= upgrade.length > 0
          onEnd()
          reject(error)
        }
      )
    })
    chat.settled = written.catch(() => undefined) // reported to the caller of `write`
    return written
  }

  function notify(tag: ChatTag, notification: readonly LoggedEvent[] | 'gone'): void {
    if (notification.length === 0) return
    for (const listener of listeners.get(tag) ?? []) listener(notification)
    if (notification === 'gone') listeners.delete(tag)
  }

  /**
   * Decides on the latest state of a chat and acts in the same turn, so that no other operation comes in between. If only
   * the latest state refuses, but not the durable one, the operation is decided again after the pending write.
   */
  async function decide<Done, Refused>(
    tag: ChatTag,
    decision: (chat: Chat, state: State) => Decision<Done, Refused>
  ): Promise<Done | Refused | 'gone'> {
    for (let chat = cache.find(tag); chat !== undefined; chat = cache.find(tag)) {
      const latest = decisionOn(chat, chat.latest, decision)
      if ('act' in latest) {
        const outcome = await unlessCrowdedOut(latest.act)
        if (outcome !== undefined) return outcome.done
        continue
      }
      const durable = decisionOn(chat, chat.durable, decision)
      if ('refused' in durable) return durable.refused
      await chat.settled
    }
    return 'gone'
  }

  function addMessage(
    tag: ChatTag,
    chat: Chat,
    { door, record }: State,
    message: NewMessage,
    key: PostKey | undefined
  ): Decision<LoggedMessage, 'chat-full'> {
    const id = record.lastEventId + 1
    const json = messageJson(id, message)
    const value = Buffer.from(json)
    const messageBytes = record.messageBytes + value.length + 1
    if (messageBytes > maxChatBytes) return { refused: 'chat-full' }
    const logged: LoggedMessage = { type: 'message', id, json }
    // Never earlier: a clock that was behind for a while must not make a chat look idle.
    const idleSince = Math.max(record.idleSince, message.createdAt)
    const next = { door, record: { ...record, lastEventId: id, idleSince, messageBytes } }
    const changes: Change[] = [{ key: records.messageKey(tag, id), value }]
    if (key !== undefined) changes.push({ key: records.postKeyKey(tag, key), value: records.encodeNumber(id) })
    return {
      act: () => {
        const posted = write(tag, chat, next, changes, [logged], NEW_DATA).then(() => logged)
        if (key !== undefined) {
          chat.posts.set(key, posted)
          const forget = (): void => void chat.posts.delete(key)
          posted.then(forget, forget)
        }
        return posted
      }
    }
  }

  async function commitTo(
    tag: ChatTag,
    chat: Chat,
    { door: before, record }: State,
    door: Door,
    events: readonly DoorEvent[],
    now: number,
    options: CommitOptions
  ): Promise<readonly Logged<DoorEvent>[]> {
    const logged = events.map((event, index) => ({ ...event, id: record.lastEventId + 1 + index }))
    const next = { ...record, version: record.version + 1, lastEventId: record.lastEventId + logged.length }
    const forgettable = logged.filter(isForgettable).map(({ id }) => id)
    next.joins += forgettable.length
    next.kept += logged.length - forgettable.length
    if (logged.length > 0) next.idleSince = Math.max(record.idleSince, now)
    const excess = Math.max(0, next.joins - JOIN_EVENTS_KEPT)
    const dropped = [...log.oldestJoins(tag, record, excess), ...forgettable].slice(0, excess)
    next.joins -= dropped.length
    next.newestForgotten = dropped.at(-1) ?? record.newestForgotten
    next.rights = door.rights
    const changes: Change[] = [
      ...doorRecords(tag, doorChanges(before, door)),
      ...logged.map((event) => records.doorEventRecord(tag, event)),
      ...dropped.map((id) => ({ key: records.joinKeyOf(tag, record, id), value: undefined }))
    ]
    const written = write(tag, chat, { door, record: next }, changes, logged, options)
    cache.resize(chat, doorBytes(door))
    await written
    return logged
  }

  function find(tag: ChatTag): LoadedChat | undefined {
    const state = cache.find(tag)?.durable
    if (state === undefined) return undefined
    const { version, lastEventId, idleSince } = state.record
    return { door: state.door, version, lastEventId, idleSince }
  }

  return {
    async create(door) {
      const tag = tagOf(door.chat)
      for (;;) {
        const other = cache.find(tag)
        if (other?.durable !== undefined && other.latest !== undefined) return 'taken'
        if (other !== undefined) await other.settled
        else if (purger.hasLeftovers(tag)) await purger.finished()
        else break
      }
      const record = {
        version: 1,
        lastEventId: 0,
        idleSince: door.createdAt,
        messageBytes: 0,
        joins: 0,
        newestForgotten: 0,
        rights: door.rights,
        lastOldEvent: 0,
        kept: 0
      }
      assertRoom()
      const chat = cache.add(tag, undefined, doorBytes(door))
      await write(tag, chat, { door, record }, doorRecords(tag, wholeDoor(door)), [], NEW_DATA)
      return 'created'
    },

    load: async (tag) => find(tag),

    cached: find,

    async commit(tag, version, door, events, now, options = NEW_DATA) {
      return decide(tag, (chat, state) => {
        if (state.record.version !== version) return { refused: 'conflict' }
        return { act: () => commitTo(tag, chat, state, door, events, now, options) }
      })
    },

    async append(tag, rights, message, key) {
      return decide<LoggedMessage, 'conflict' | 'chat-full'>(tag, (chat, state) => {
        if (state.door.rights !== rights) return { refused: 'conflict' }
        const first = key && (chat.posts.get(key) ?? log.posted(tag, key))
        return first === undefined ? addMessage(tag, chat, state, message, key) : { act: () => first }
      })
    },

    async events(tag, after, page) {
      const { durable, latest } = cache.find(tag) ?? {}
      if (durable === undefined) return 'gone'
      // Dropped events can be off the disk before their write is acknowledged, so use the latest mark.
      const newestForgotten = latest?.record.newestForgotten ?? durable.record.newestForgotten
      return log.eventsAfter(tag, { ...durable.record, newestForgotten }, after, page) ?? 'cursor-unknown'
    },

    async messages(tag, start, page) {
      const record = cache.find(tag)?.durable?.record
      if (record === undefined) return 'gone'
      return log.messages(tag, record, start, page) ?? 'cursor-unknown'
    },

    async newestMessages(tag, newest) {
      const record = cache.find(tag)?.durable?.record
      return record === undefined ? 'gone' : log.newestMessages(tag, record, newest)
    },

    async watch(tag, listener) {
      if (cache.find(tag)?.durable === undefined) return 'gone'
      const watchers = listeners.get(tag) ?? new Set()
      listeners.set(tag, watchers)
      // A wrapper, because the same function can be registered twice and must then be called twice.
      const wrapper: Listener = (notification) => listener(notification)
      watchers.add(wrapper)
      return () => {
        watchers.delete(wrapper)
        if (watchers.size === 0 && listeners.get(tag) === watchers) listeners.delete(tag)
      }
    },

    async remove(tag, lastEventId) {
      const outcome = await decide<void, 'changed'>(tag, (chat, { record }) => {
        if ((lastEventId ?? record.lastEventId) !== record.lastEventId) return { refused: 'changed' }
        const changes: Change[] = [
          { key: records.headKey(tag), value: undefined },
          { key: records.removedKey(tag), value: NO_VALUE }
        ]
        return { act: () => write(tag, chat, undefined, changes, 'gone', WITHDRAWAL) }
      })
      if (outcome !== undefined) return false
      purger.run()
      return true
    },

    async idleChats(since, emptySince) {
      purger.run()
      return log.idleChats(since, emptySince)
    },

    handovers: fileHandovers(disk, commits, assertRoom),

    canRemoveIdle: () => clock.isEven(),

    async ping() {
      if (commits.fault !== undefined) throw commits.fault
      if (disk.fullness?.() === 'disk') throw new StoreUnavailable('full')
      if ((await disk.isInPlace?.()) === false) {
        throw new StoreUnavailable('unreachable', { cause: new Error('the folder was moved or removed') })
      }
    },

    async close() {
      clock.close()
      await purger.close()
      await commits.idle()
      await disk.close()
    }
  }
}

/** `undefined` if it failed with new data that was written together with it. */
async function unlessCrowdedOut<Done>(act: () => Promise<Done> | Done): Promise<{ done: Done } | undefined> {
  try {
    return { done: await act() }
  } catch (error) {
    if (error instanceof CrowdedOut) return undefined
    throw error
  }
}

function decisionOn<Done, Refused>(
  chat: Chat,
  state: State | undefined,
  decision: (chat: Chat, state: State) => Decision<Done, Refused>
): Decision<Done, Refused | 'gone'> {
  return state === undefined ? { refused: 'gone' } : decision(chat, state)
}

/** The records of a door that has changed. */
function doorRecords(tag: ChatTag, { head, put, removed }: ReturnType<typeof doorChanges>): Change[] {
  return [
    ...(head === undefined ? [] : [{ key: records.headKey(tag), value: Buffer.from(head) }]),
    ...put.map((one) => ({ key: records.requestKey(tag, one.request.guest), value: Buffer.from(encodeRequest(one)) })),
    ...removed.map((guest) => ({ key: records.requestKey(tag, guest), value: undefined }))
  ]
}

/** Stores a chat of version 1 of the format as version 2 does. Its record is written with every change. */
function upgradeChanges(tag: ChatTag, state: State | undefined): Change[] {
  return [
    ...(state === undefined ? [] : doorRecords(tag, wholeDoor(state.door))),
    { key: records.OLD.chatKey(tag), value: undefined },
    { key: records.OLD.doorKey(tag), value: undefined }
  ]
}

/** The changes to a chat's record and to the index of idle chats, which go with every change of the chat. */
function recordChanges(tag: ChatTag, before: State | undefined, next: State | undefined): Change[] {
  const changes: Change[] = [{ key: records.chatKey(tag), value: next && records.encodeRecord(next.record) }]
  if (before !== undefined && next !== undefined && records.hasSameIdleKey(before.record, next.record)) return changes
  if (before !== undefined) changes.push({ key: records.idleKey(tag, before.record), value: undefined })
  if (next !== undefined) changes.push({ key: records.idleKey(tag, next.record), value: NO_VALUE })
  return changes
}
