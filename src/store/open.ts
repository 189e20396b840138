/** The store that a STORE_URL names. */
import { fileURLToPath } from 'node:url'
import type { FileStoreOptions } from './file/file-store.ts'
import { type MemoryStoreLimits, memoryStore } from './memory-store.ts'
import type { Store } from './store.ts'

export type StoreOptions = MemoryStoreLimits & FileStoreOptions

/** @throws FolderRefused if there is something wrong with the folder of a file store */
export async function openStore(url: string, options: StoreOptions): Promise<Store> {
  if (!isFileUrl(url)) return memoryStore(options)
  // Loaded for who needs it.
  const { openFileStore } = await import('./file/open.ts')
  return await openFileStore(folderOf(url), options)
}

export function isFileUrl(url: string): boolean {
  return url.startsWith('file:')
}

/** `file:` and a path, or a file URL. */
export function folderOf(url: string): string {
  return url.startsWith('file://') ? fileURLToPath(url) : url.slice('file:'.length)
}
