/** Waits for the owner's decision, and withdraws the request of a guest who disconnects before learning their client id. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isFinal, type JoinRequest } from './door.ts'
import type { LoggedEvent } from './events.ts'
import { type ChatTag, digestOf, type LinkId, tagOf, type UserId } from './ids.ts'
import { assertNotEnded, type GuestExchange, type Service } from './service.ts'
import { StoreUnavailable } from './store.ts'

export interface WaitOptions {
  readonly seconds: number
  /** Aborted when nobody waits any more. */
  readonly gone: AbortSignal
  /** Whether these events are worth another call of `isDone`. */
  readonly wakes: (events: readonly LoggedEvent[]) => boolean
  readonly isDone: () => Promise<boolean>
}

/** See `Hub.wait`. */
export type Wait = (tag: ChatTag, options: WaitOptions) => Promise<void>

/** Retries while the store cannot be reached: for about a minute. */
const WITHDRAW_ATTEMPTS = 60
const WITHDRAW_RETRY_MS = 1000

/**
 * The guest's request once it is decided, or its state after `seconds`. A guest who has just knocked must learn their
 * client id, so for them an unreachable store is not an error.
 * @throws Refused `request-ended` once the request has ended
 */
export async function waitForDecision(
  { service, wait }: { readonly service: Service; readonly wait: Wait },
  { link, client, request }: GuestExchange,
  { seconds, gone, hasJustKnocked }: { seconds: number; gone: AbortSignal; hasJustKnocked: boolean }
): Promise<JoinRequest> {
  const guest = digestOf(client)
  let latest = request
  try {
    await wait(tagOf(link), {
      seconds,
      gone,
      wakes: (events) => events.some((event) => event.type !== 'message' && event.request.guest === guest),
      isDone: async () => {
        latest = (await service.ownRequest(link, client)).request
        return isFinal(latest)
      }
    })
    return assertNotEnded(latest, client)
  } catch (error) {
    if (hasJustKnocked && error instanceof StoreUnavailable) return request
    throw error
  }
}

/**
 * Withdraws the request of a guest who disconnected before learning their client id and so can never come back.
 * @throws StoreUnavailable if the store cannot be reached for a minute
 */
export async function withdrawAbandoned(service: Service, link: LinkId, client: UserId): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await service.leave(link, client)
      return
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || attempt === WITHDRAW_ATTEMPTS) throw error
      await sleep(WITHDRAW_RETRY_MS)
    }
  }
}
