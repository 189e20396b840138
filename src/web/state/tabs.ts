/**
 * Tabs of one browser share what each could only do badly alone: HTTP/1.1 allows six connections to a server, so ten
 * tabs cannot have a stream each. Of the tabs of one chat one follows it and tells the others; when that is closed, the
 * next takes over. Tabs of different chats share a few places for streams; who has none asks now and then. Where there
 * are no locks (a page that came by plain http from another machine) each tab does for itself.
 */

/** How many streams the tabs of one browser have open together: two of the six connections are left for requests. */
const STREAMS = 4
/** How often those ask that have no stream. */
const POLL_MS = 3000

/** Runs `work` once this tab is the one that does it. Never fails; is over at the latest with `stop`. */
export async function exclusively(name: string, stop: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    if (navigator.locks === undefined) await work()
    else await navigator.locks.request(name, { signal: stop }, work)
  } catch (error) {
    if (!stop.aborted) throw error
  }
}

/** Tells the other tabs, and hears what they tell. */
export function telephone<News>(name: string, stop: AbortSignal, hear: (news: News) => void): (news: News) => void {
  if (navigator.locks === undefined || typeof BroadcastChannel === 'undefined') return () => {}
  const channel = new BroadcastChannel(name)
  channel.onmessage = ({ data }: MessageEvent<News>) => hear(data)
  stop.addEventListener('abort', () => channel.close(), { once: true })
  return (news) => !stop.aborted && channel.postMessage(news)
}

/**
 * Runs `stream` in one of the places for streams. Until one is free `poll` is called now and then; what it finds, if
 * anything, is the result.
 * @throws the reason of `stop` once it is aborted
 */
export async function inStreamPlace<Result>(
  stop: AbortSignal,
  poll: () => Promise<Result | undefined>,
  stream: () => Promise<Result>
): Promise<Result> {
  if (navigator.locks === undefined || isMultiplexed()) return await stream()
  const given = new AbortController()
  const place = takePlace(AbortSignal.any([stop, given.signal]))
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
function takePlace(release: AbortSignal): Promise<true> {
  const taken = new AbortController()
  return new Promise((resolve) => {
    const hold = (): Promise<void> | undefined => {
      if (taken.signal.aborted) return undefined
      resolve(true)
      taken.abort()
      return new Promise((done) => release.addEventListener('abort', () => done(), { once: true }))
    }
    const signal = AbortSignal.any([release, taken.signal])
    for (let place = 0; place < STREAMS; place++) {
      navigator.locks.request(`silly-chat:place:${place}`, { signal }, hold).catch(() => undefined)
    }
  })
}

/** With HTTP/2 and 3 streams share one connection. */
function isMultiplexed(): boolean {
  const [navigation] = performance.getEntriesByType('navigation')
  return navigation instanceof PerformanceNavigationTiming && /^h[23]/.test(navigation.nextHopProtocol)
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
