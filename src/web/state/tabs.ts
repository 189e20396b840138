/**
 * Tabs of one browser share what each could only do badly alone: HTTP/1.1 allows six connections to a server, so ten
 * tabs cannot have a stream each. Whoever holds the lock does the work and tells the others; when it closes, the next
 * takes over. Where there are no locks (a page that came by plain http from another machine) each tab does its own.
 */

/** Runs `work` while this tab is the one that does it, until `stop`. */
export function exclusively(name: string, stop: AbortSignal, work: () => Promise<void>): void {
  const ignore = (): void => {}
  if (navigator.locks === undefined) work().catch(ignore)
  else navigator.locks.request(name, { signal: stop }, work).catch(ignore)
}

/** Tells the other tabs, and hears what they tell. */
export function telephone<News>(name: string, stop: AbortSignal, hear: (news: News) => void): (news: News) => void {
  if (navigator.locks === undefined || typeof BroadcastChannel === 'undefined') return () => {}
  const channel = new BroadcastChannel(name)
  channel.onmessage = ({ data }: MessageEvent<News>) => hear(data)
  stop.addEventListener('abort', () => channel.close(), { once: true })
  return (news) => channel.postMessage(news)
}
