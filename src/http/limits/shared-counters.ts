/**
 * Counters of rate limits that all processes share. What is asked is counted here at once and added to what the others
 * count a moment later, so no request waits for it; a limit may be passed by what comes in that moment.
 */
import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import { LRUCache } from 'lru-cache'
import { type Store, StoreUnavailable } from '../../chat/store.ts'

/** How long what was counted here is kept to itself. */
const SHARE_AFTER_MS = 500
/** How many counters each limit remembers. */
const REMEMBERED = 10_000

interface Counter {
  /** By all, as far as is known. */
  total: number
  /** What of it the others do not know of yet. */
  unshared: number
  endsAt: number
  isSharing: boolean
}

/** `onFault` is told of what is no fault of the connection's, until counting succeeds again once. */
export function sharedStore(
  count: NonNullable<Store['count']>,
  onFault: (error: unknown) => void
): FastifyRateLimitStoreCtor {
  let isReported = false
  return class SharedCounters implements FastifyRateLimitStore {
    readonly #counters = new LRUCache<string, Counter>({ max: REMEMBERED })

    incr(
      key: string,
      callback: (error: Error | null, result?: { current: number; ttl: number }) => void,
      windowMs: number
    ): void {
      const now = Date.now()
      let counter = this.#counters.get(key)
      if (counter === undefined || counter.endsAt <= now) {
        counter = { total: 0, unshared: 0, endsAt: now + windowMs, isSharing: false }
        this.#counters.set(key, counter)
      }
      counter.total++
      counter.unshared++
      share(key, counter, windowMs)
      callback(null, { current: counter.total, ttl: counter.endsAt - now })
    }

    /** As it stands, without counting. */
    read(key: string, callback: (error: Error | null, result?: { current: number; ttl: number }) => void): void {
      const [counter, now] = [this.#counters.get(key), Date.now()]
      const isOver = counter === undefined || counter.endsAt <= now
      callback(null, isOver ? { current: 0, ttl: 0 } : { current: counter.total, ttl: counter.endsAt - now })
    }

    child(): FastifyRateLimitStore {
      return new SharedCounters()
    }
  }

  function share(key: string, counter: Counter, windowMs: number): void {
    if (counter.isSharing) return
    counter.isSharing = true
    const send = async (): Promise<void> => {
      const sent = counter.unshared
      counter.unshared = 0
      try {
        const { total, endsInMs } = await count(key, sent, windowMs)
        counter.total = total + counter.unshared
        counter.endsAt = Date.now() + endsInMs
        counter.isSharing = false
        isReported = false
        if (counter.unshared > 0) share(key, counter, windowMs)
      } catch (error) {
        // While the store cannot be reached, which it tells of itself, each process counts alone.
        if (!(error instanceof StoreUnavailable || isReported)) {
          isReported = true
          onFault(error)
        }
        counter.unshared += sent
        counter.isSharing = false
      }
    }
    setTimeout(send, SHARE_AFTER_MS).unref()
  }
}
