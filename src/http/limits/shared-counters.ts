/**
 * Counters of rate limits that all processes share. A request is counted here at once and in the store a moment later, so
 * that no request waits for the store. A limit can be exceeded by the requests of that moment.
 */
import type { FastifyRateLimitStore, FastifyRateLimitStoreCtor } from '@fastify/rate-limit'
import { LRUCache } from 'lru-cache'
import { type Store, StoreUnavailable } from '../../chat/store.ts'

/** How long a count stays in this process before it is shared. */
const SHARE_AFTER_MS = 500
/** Counters that each limit keeps. */
const REMEMBERED = 10_000

interface Counter {
  /** Of all processes, as of the last reply of the store. */
  total: number
  /** The part of `total` that the store does not have yet. */
  unshared: number
  endsAt: number
  isSharing: boolean
}

/** Calls `onFault` for a fault other than `StoreUnavailable`, once until counting succeeds again. */
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

    /** The present count, without adding to it. */
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
        // While the store is unavailable, which it logs itself, each process counts alone.
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
