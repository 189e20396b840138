/**
 * Tabs of one browser share what each could only do badly alone: HTTP/1.1 allows six connections to a server, so ten
 * tabs cannot have a stream each. Of the tabs of one chat one follows it and tells the others; when that is closed, the
 * next takes over. Tabs of different chats share a few places for streams; who has none asks now and then. Where there
 * are no locks (a page that came by plain http from another machine) or they are forbidden, each tab does for itself.
 */

/** How many streams the tabs of one browser have open together: two of the six connections are left for requests. */
const STREAMS = 4
/** How often those ask that have no stream. */
const POLL_MS = 3000

/**
 * The locks that tabs share. Undefined where there are none, where they are forbidden, or where tabs could not hear from
 * each other: who waits for another tab to tell something would wait for ever.
 */
function sharedLocks(): LockManager | undefined {
  try {
    new BroadcastChannel('silly-chat:probe').close()
    return navigator.locks
  } catch {
    // ReferenceError: there are no channels; SecurityError: some browsers forbid them, or locks, as they do the storage.
    return undefined
  }
}

/** Runs `work` once this tab is the one that does it. Fails only as `work` does; is over at the latest with `stop`. */
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
    // SecurityError: there are locks, but not for this page. It does for itself.
    await begin()
  }
}

/** Tells the other tabs, and hears what they tell. */
export function openBroadcast<TabMessage>(
  name: string,
  stop: AbortSignal,
  hear: (news: TabMessage) => void
): (news: TabMessage) => void {
  if (sharedLocks() === undefined) return () => {}
  const channel = new BroadcastChannel(name)
  channel.onmessage = ({ data }: MessageEvent<TabMessage>) => hear(data)
  stop.addEventListener('abort', () => channel.close(), { once: true })
  return (news) => !stop.aborted && channel.postMessage(news)
}

/**
 * Runs `stream` in one of the places for streams. Until one is free `poll` is called now and then; what it finds, if
 * anything, is the result.
 * @throws the reason of `stop` once it is aborted
 */
export async function withStreamSlot<Result>(
  stop: AbortSignal,
  poll: () => Promise<Result | undefined>,
  stream: () => Promise<Result>
): Promise<Result> {
  const locks = sharedLocks()
  if (locks === undefined || isMultiplexed()) return await stream()
  const given = new AbortController()
  const place = takePlace(locks, anyOf(stop, given.signal))
  try {
    // Mostly there is a place at once.
    let free = await Promise.race([place, pause(100)])
    while (free !== true) {
      stop.throwIfAborted()
      const found = await poll()
      if (found !== undefined) return found
      free = await Promise.race([place, pause(POLL_MS)])
    }
    return await stream()
  } finally {
    given.abort()
  }
}

/** Resolves to true once a place is taken. It is held until `release`. */
function takePlace(locks: LockManager, release: AbortSignal): Promise<true> {
  const taken = new AbortController()
  return new Promise((resolve) => {
    const hold = (): Promise<void> | undefined => {
      if (taken.signal.aborted) return undefined
      resolve(true)
      taken.abort()
      return new Promise((done) => release.addEventListener('abort', () => done(), { once: true }))
    }
    const signal = anyOf(release, taken.signal)
    for (let place = 0; place < STREAMS; place++) {
      locks.request(`silly-chat:place:${place}`, { signal }, hold).catch(() => {
        // AbortError: another place was taken, or none is needed. Otherwise locks are forbidden, and so are no places.
        if (!signal.aborted) resolve(true)
      })
    }
  })
}

/** Aborted with the first of these. `AbortSignal.any` is too new: Safari has it since 17.4, Chrome since 116. */
function anyOf(...signals: readonly AbortSignal[]): AbortSignal {
  const first = new AbortController()
  for (const signal of signals) {
    if (signal.aborted) first.abort(signal.reason)
    signal.addEventListener('abort', () => first.abort(signal.reason), { once: true, signal: first.signal })
  }
  return first.signal
}

/** With HTTP/2 and 3 streams share one connection. */
function isMultiplexed(): boolean {
  const [navigation] = performance.getEntriesByType('navigation')
  return navigation !== undefined && 'nextHopProtocol' in navigation && /^h[23]/.test(`${navigation.nextHopProtocol}`)
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
