/** Waits for the owner's decision, and withdraws the request of a guest who disconnects before learning their client id. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isFinal, type JoinRequest } from './door.ts'
import { type ChatTag, type LinkId, tagOf, type UserId } from './ids.ts'
import { assertNotEnded, type GuestExchange, type Service } from './service.ts'
import { StoreUnavailable } from './store.ts'

/** Waits until `isDone` returns true; it is called again after each event of the chat. See `Hub.wait`. */
export type Wait = (
  tag: ChatTag,
  seconds: number,
  signal: AbortSignal,
  isDone: () => Promise<boolean>,
  user: UserId
) => Promise<void>

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
  { seconds, signal, hasJustKnocked }: { seconds: number; signal: AbortSignal; hasJustKnocked: boolean }
): Promise<JoinRequest> {
  const currentRequest = async () => (await service.ownRequest(link, client)).request
  try {
    await wait(tagOf(link), seconds, signal, async () => isFinal(await currentRequest()), client)
    return assertNotEnded(await currentRequest(), client)
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
