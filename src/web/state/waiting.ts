/** A guest's wait for the owner's decision, in one tab or in several. */
import type { Guest } from '../../client/index.ts'
import { isRefusal, isTransient } from './errors.ts'
import { pause, withLock, withStreamSlot } from './tabs.ts'

/** The pause after a transient error. */
const RETRY_MS = 2000

/**
 * Waits for the decision and reports the state of the connection to `onState`. Of several tabs with the same request one
 * waits at a time; after the decision the others get it one after the other.
 * @returns the path of the chat, or undefined if `stop` is aborted
 * @throws SillyChatError if the server refuses access, any other error if the page itself has failed
 */
export async function waitForDecision(
  guest: Guest,
  stop: AbortSignal,
  onState: (state: 'open' | 'lost') => void
): Promise<string | undefined> {
  let chat: string | undefined
  await withLock(`silly-chat:door:${guest.clientId}`, stop, async () => {
    while (chat === undefined) chat = await attempt(guest, stop, onState)
  })
  return chat === undefined ? undefined : new URL(chat).pathname
}

/** Returns undefined if another attempt is necessary. */
async function attempt(
  guest: Guest,
  stop: AbortSignal,
  onState: (state: 'open' | 'lost') => void
): Promise<string | undefined> {
  const abort = new AbortController()
  const cancel = (): void => abort.abort()
  stop.addEventListener('abort', cancel)
  addEventListener('online', cancel)
  addEventListener('offline', cancel)
  const poll = async (): Promise<string | undefined> => {
    const { chat } = await guest.state()
    onState('open')
    return chat ?? undefined
  }
  const follow = async (): Promise<string> => (await guest.waitUntilAdmitted({ signal: abort.signal, onState })).url
  try {
    return await withStreamSlot(abort.signal, poll, follow)
  } catch (error) {
    stop.throwIfAborted()
    if (abort.signal.aborted) return undefined
    if (isRefusal(error) || !isTransient(error)) throw error
    onState('lost')
    await pause(RETRY_MS)
    return undefined
  } finally {
    stop.removeEventListener('abort', cancel)
    removeEventListener('online', cancel)
    removeEventListener('offline', cancel)
  }
}
