/** A guest at the door, in this tab or another: asks until the owner has decided. */
import type { Guest } from '../../client/index.ts'
import { isOfTheWay, isRefusal } from './errors.ts'
import { pause, withLock, withStreamSlot } from './tabs.ts'

/** After a connection was lost in the moment of the decision. */
const RETRY_MS = 2000

/**
 * Waits for the decision; `tell` hears whether the door can be reached. Tabs that wait for the same request ask one after
 * the other: each is told what was decided.
 * @returns the path of the chat; undefined once `stop` is aborted
 * @throws SillyChatError if the answer is no; whatever else if the page itself is at fault
 */
export async function decision(
  guest: Guest,
  stop: AbortSignal,
  tell: (state: 'open' | 'lost') => void
): Promise<string | undefined> {
  let chat: string | undefined
  await withLock(`silly-chat:door:${guest.clientId}`, stop, async () => {
    while (chat === undefined) chat = await attempt(guest, stop, tell)
  })
  return chat === undefined ? undefined : new URL(chat).pathname
}

/** Undefined where another attempt may do better. */
async function attempt(
  guest: Guest,
  stop: AbortSignal,
  tell: (state: 'open' | 'lost') => void
): Promise<string | undefined> {
  const given = new AbortController()
  const giveUp = (): void => given.abort()
  stop.addEventListener('abort', giveUp)
  addEventListener('online', giveUp)
  addEventListener('offline', giveUp)
  const look = async (): Promise<string | undefined> => {
    const { chat } = await guest.state()
    tell('open')
    return chat ?? undefined
  }
  const follow = async (): Promise<string> =>
    (await guest.waitUntilAdmitted({ signal: given.signal, onState: tell })).url
  try {
    return await withStreamSlot(given.signal, look, follow)
  } catch (error) {
    stop.throwIfAborted()
    if (given.signal.aborted) return undefined
    if (isRefusal(error) || !isOfTheWay(error)) throw error
    tell('lost')
    await pause(RETRY_MS)
    return undefined
  } finally {
    stop.removeEventListener('abort', giveUp)
    removeEventListener('online', giveUp)
    removeEventListener('offline', giveUp)
  }
}
