/** File stores in folders that are removed with the test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Store } from '../../src/chat/store.ts'
import { type OpenOptions, openFileStore } from '../../src/store/file/open.ts'

/** A folder that does not exist yet. */
export function aFolder(): string {
  const parent = mkdtempSync(join(tmpdir(), 'silly-chat-'))
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }))
  return join(parent, 'chats')
}

export async function opened(folder: string, options: Partial<OpenOptions> = {}): Promise<Store> {
  const store = await openFileStore(folder, {
    maxChatBytes: 1_000_000,
    // Tests have clocks of their own.
    clock: { evenForMs: 0 },
    onFault: () => undefined,
    onBroken: (fault) => {
      throw fault
    },
    ...options
  })
  let isOpen = true
  const close = async (): Promise<void> => {
    if (isOpen) await store.close()
    isOpen = false
  }
  onTestFinished(close)
  return { ...store, close }
}
