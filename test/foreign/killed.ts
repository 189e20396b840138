/** A server that is killed while somebody follows, and started again with the same chats. */
import { call, createChat, post } from '../support/api.ts'
import { startBuilt } from '../support/built-server.ts'
import { aFolder } from '../support/file-store.ts'

/** What is posted, in this order, and how: the third while nobody follows. One text tells UTF-8 from Latin-1. */
export const TEXTS = ['one', 'two €', 'meanwhile', 'live again'] as const

export interface Following {
  /** Waits until this text has come, and nothing else: it must not take another event to come through. */
  readonly sees: (text: string) => Promise<void>
  /** Waits until the reader has noticed that its stream was cut off. */
  readonly isCut: () => Promise<void>
  /** Waits until the reader has noticed that its stream is complete. */
  readonly isOver: () => Promise<void>
}

/** So late that no heartbeat helps an event out of a buffer. */
const HEARTBEAT_SECONDS = '3600'

export async function startToBeKilled() {
  const server = await startBuilt({ env: { STORE_URL: `file:${aFolder()}`, HEARTBEAT_SECONDS } })
  return { server, ...(await createChat(server)) }
}

/** Posts two texts, kills the server, starts it, posts two more and closes the chat. */
export async function followAcrossKill(
  { server, chat, owner }: Awaited<ReturnType<typeof startToBeKilled>>,
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
