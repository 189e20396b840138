/** A server that is killed and started again with the same chats while a client follows a stream. */
import { call, createChat, post } from '../support/api.ts'
import { startBuilt } from '../support/built-server.ts'
import { aFolder } from '../support/file-store.ts'

/** The posted texts, the third after the stream has broken. The second one differs in UTF-8 and Latin-1. */
export const TEXTS = ['one', 'two €', 'meanwhile', 'live again'] as const

export interface Following {
  /** Waits for this text. No later event may be necessary for it to arrive. */
  readonly sees: (text: string) => Promise<void>
  /** Waits until the client has noticed that its stream broke. */
  readonly isCut: () => Promise<void>
  /** Waits until the client has noticed that its stream has ended. */
  readonly isOver: () => Promise<void>
}

/** So long that no heartbeat flushes a buffered event. */
const HEARTBEAT_SECONDS = '3600'

export async function startKillable() {
  const server = await startBuilt({ env: { STORE_URL: `file:${aFolder()}`, HEARTBEAT_SECONDS } })
  return { server, ...(await createChat(server)) }
}

/** Posts two texts, kills the server, starts it, posts two more and closes the chat. */
export async function followAcrossKill(
  { server, chat, owner }: Awaited<ReturnType<typeof startKillable>>,
  { sees, isCut, isOver }: Following
): Promise<void> {
  const [one, two, meanwhile, again] = TEXTS
  for (const text of [one, two]) {
    await post(chat, owner, text)
    await sees(text)
  }
  await server.kill()
  await isCut()
  await server.start()
  await post(chat, owner, meanwhile)
  await sees(meanwhile)
  await post(chat, owner, again)
  await sees(again)
  await call(`DELETE ${chat}`, { user: owner })
  await isOver()
}
