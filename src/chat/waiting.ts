/** Waiting at the door: for the owner's decision, and what becomes of a request whose guest has gone. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isFinal, type JoinRequest } from './door.ts'
import { type ChatTag, type LinkId, tagOf, type UserId } from './ids.ts'
import { assertNotEnded, type GuestExchange, type Service } from './service.ts'
import { StoreUnavailable } from './store.ts'

/** How a request waits for something to happen in a chat; see `Hub.wait`. */
export type Wait = (
  tag: ChatTag,
  seconds: number,
  gone: AbortSignal,
  look: () => Promise<boolean>,
  user: UserId
) => Promise<void>

/** How often, and after how many milliseconds, withdrawing is tried again while the store cannot be reached. */
const WITHDRAW_ATTEMPTS = 60
const WITHDRAW_RETRY_MS = 1000

/**
 * The guest's request once it is decided, or as it is after `seconds`. Someone who has just knocked must learn their client
 * id, so a store that cannot be reached meanwhile changes nothing for them.
 * @throws Refused `request-ended` once the request has ended
 */
export async function waitForDecision(
  { service, wait }: { readonly service: Service; readonly wait: Wait },
  { link, client, request }: GuestExchange,
  { seconds, gone, hasJustKnocked }: { seconds: number; gone: AbortSignal; hasJustKnocked: boolean }
): Promise<JoinRequest> {
  const look = async () => (await service.ownRequest(link, client)).request
  try {
    await wait(tagOf(link), seconds, gone, async () => isFinal(await look()), client)
    return assertNotEnded(await look(), client)
  } catch (error) {
    if (hasJustKnocked && error instanceof StoreUnavailable) return request
    throw error
  }
}

/**
 * Withdraws the request of a guest who was gone before learning the client id, and so can never come back.
 * @throws what the store throws if it cannot be reached for a minute
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
