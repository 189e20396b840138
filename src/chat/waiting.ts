/** Waits for the owner's decision. */
import { isFinal } from './door.ts'
import { isJoin, type LoggedEvent } from './events.ts'
import { type ChatTag, digestOf, tagOf } from './ids.ts'
import { assertNotEnded, type GuestExchange, type Service } from './service.ts'
import { type Look, StoreUnavailable } from './store.ts'

export interface WaitOptions {
  readonly seconds: number
  /** Aborted when nobody waits any more. */
  readonly gone: AbortSignal
  /** Whether these events are worth another call of `isDone`. */
  readonly wakes: (events: readonly LoggedEvent[]) => boolean
  /** `look` loads the chat, once for all that wait and look at the same time. */
  readonly isDone: (look: Look) => Promise<boolean>
}

/** See `Hub.wait`. */
export type Wait = (tag: ChatTag, options: WaitOptions) => Promise<void>

/** How often a wait says that a provisional request is still waited for. */
const EXTEND_MS = 30_000

/**
 * Where the guest stands once the request is decided, or after `seconds`. A guest who has just knocked must learn their
 * client id, so for them an unreachable store is not an error.
 * @throws Refused `request-ended` once the request has ended
 */
export async function waitForDecision(
  { service, wait }: { readonly service: Service; readonly wait: Wait },
  knocked: GuestExchange,
  { seconds, gone, hasJustKnocked }: { seconds: number; gone: AbortSignal; hasJustKnocked: boolean }
): Promise<GuestExchange> {
  const { link, client } = knocked
  const guest = digestOf(client)
  let latest = knocked
  // What a store that cannot be reached does not extend is withdrawn later: so it is for a process that has died.
  const extend = () => void service.extendKnock(link, client).catch(() => undefined)
  const lease = hasJustKnocked ? setInterval(extend, EXTEND_MS) : undefined
  try {
    await wait(tagOf(link), {
      seconds,
      gone,
      wakes: (events) => events.some((event) => isJoin(event) && event.request.guest === guest),
      isDone: async (look) => {
        latest = await service.ownRequest(link, client, { isTheGuest: !hasJustKnocked, look })
        return isFinal(latest.request)
      }
    })
    assertNotEnded(latest.request, client)
    return latest
  } catch (error) {
    if (hasJustKnocked && error instanceof StoreUnavailable) return knocked
    throw error
  } finally {
    clearInterval(lease)
  }
}
