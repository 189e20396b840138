/**
 * Coordinates the tabs of one browser. With HTTP/1.1 browsers open six connections to a server, so ten tabs cannot have a
 * stream each. One tab of a chat follows the stream and broadcasts its events to the others; when it is closed, the next
 * one takes over. Tabs of different chats share a few slots for streams; a tab without a slot polls. Without Web Locks (in
 * insecure contexts, or if they are forbidden) each tab works alone.
 */

/** The maximum number of streams of all tabs: two of the six connections remain for requests. */
const STREAMS = 4
/** How often a tab without a stream polls. */
const POLL_MS = 3000

/**
 * The locks that the tabs share. Undefined if there are none, if they are forbidden, or if tabs cannot broadcast: a tab
 * would wait forever for another one's messages.
 */
function sharedLocks(): LockManager | undefined {
  try {
    new BroadcastChannel('silly-chat:probe').close()
    return navigator.locks
  } catch {
    // ReferenceError: no BroadcastChannel; SecurityError: channels or locks are forbidden, as storage can be.
    return undefined
  }
}

/** Runs `work` while this tab holds the lock. Rejects only if `work` does; ends when `stop` is aborted. */
export async function withLock(name: string, stop: AbortSignal, work: () => Promise<void>): Promise<void> {
  const locks = sharedLocks()
  let hasBegun = false
  const begin = (): Promise<void> => {
    hasBegun = true
    return work()
  }
  try {
    if (locks === undefined) return await begin()
    await locks.request(name, { signal: stop }, begin)
  } catch (error) {
    if (stop.aborted) return
    if (hasBegun) throw error
    // SecurityError: locks are forbidden for this page. It works alone.
    await begin()
  }
}

/** Opens a channel to the other tabs; returns the function that sends to them. */
export function openBroadcast<TabMessage>(
  name: string,
  stop: AbortSignal,
  onMessage: (message: TabMessage) => void
): (message: TabMessage) => void {
  if (sharedLocks() === undefined) return () => {}
  const channel = new BroadcastChannel(name)
  channel.onmessage = ({ data }: MessageEvent<TabMessage>) => onMessage(data)
  stop.addEventListener('abort', () => channel.close(), { once: true })
  return (message) => !stop.aborted && channel.postMessage(message)
}

/**
 * Runs `stream` in one of the slots for streams. Until one is free, calls `poll` repeatedly; if that gives a result, it
 * is returned.
 * @throws the reason of `stop` once it is aborted
 */
export async function withStreamSlot<Result>(
  stop: AbortSignal,
  poll: () => Promise<Result | undefined>,
  stream: () => Promise<Result>
): Promise<Result> {
  const locks = sharedLocks()
  if (locks === undefined || isMultiplexed()) return await stream()
  const release = new AbortController()
  const slot = acquireSlot(locks, anyOf(stop, release.signal))
  try {
    // Usually a slot is free at once.
    let isAcquired = await Promise.race([slot, pause(100)])
    while (isAcquired !== true) {
      stop.throwIfAborted()
      const found = await poll()
      if (found !== undefined) return found
      isAcquired = await Promise.race([slot, pause(POLL_MS)])
    }
    return await stream()
  } finally {
    release.abort()
  }
}

/** Resolves to true when a slot is acquired. It is held until `release` is aborted. */
function acquireSlot(locks: LockManager, release: AbortSignal): Promise<true> {
  const acquired = new AbortController()
  return new Promise((resolve) => {
    const hold = (): Promise<void> | undefined => {
      if (acquired.signal.aborted) return undefined
      resolve(true)
      acquired.abort()
      return new Promise((done) => release.addEventListener('abort', () => done(), { once: true }))
    }
    const signal = anyOf(release, acquired.signal)
    for (let slot = 0; slot < STREAMS; slot++) {
      locks.request(`silly-chat:place:${slot}`, { signal }, hold).catch(() => {
        // AbortError: another slot was acquired, or none is needed any more. Otherwise locks are forbidden: work without a slot.
        if (!signal.aborted) resolve(true)
      })
    }
  })
}

/** Like `AbortSignal.any`, which is too new: Safari 17.4, Chrome 116. */
function anyOf(...signals: readonly AbortSignal[]): AbortSignal {
  const first = new AbortController()
  for (const signal of signals) {
    if (signal.aborted) first.abort(signal.reason)
    signal.addEventListener('abort', () => first.abort(signal.reason), { once: true, signal: first.signal })
  }
  return first.signal
}

/** With HTTP/2 and HTTP/3, all streams share one connection. */
function isMultiplexed(): boolean {
  const [navigation] = performance.getEntriesByType('navigation')
  return navigation !== undefined && 'nextHopProtocol' in navigation && /^h[23]/.test(`${navigation.nextHopProtocol}`)
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
