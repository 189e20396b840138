/** Opens and copies file stores. */
import { readdirSync } from 'node:fs'
import type { Store } from '../../chat/store.ts'
import { type CheckResult, checkRecords } from './check.ts'
import { copyRecords } from './copy.ts'
import { type FileStoreOptions, fileStore } from './file-store.ts'
import {
  checkFolder,
  FolderRefused,
  makeFolder,
  makePrivate,
  markCopy,
  messageOf,
  orRefuse,
  takeFolder
} from './folder.ts'
import { lmdbDisk } from './lmdb-disk.ts'

export interface OpenOptions extends FileStoreOptions {
  /** Limit for what all chats take on the disk, in bytes. */
  readonly maxDiskBytes?: number | undefined
}

/**
 * Opens the store in a folder, or creates one there. Fails if another process has it open.
 * @throws FolderRefused
 */
export async function openFileStore(path: string, options: OpenOptions): Promise<Store> {
  const folder = await takeFolder(path)
  try {
    const store = fileStore(lmdbDisk(path, options.maxDiskBytes), options)
    folder.markAsOurs()
    return {
      ...store,
      close: async () => {
        await store.close()
        folder.release()
      }
    }
  } catch (cause) {
    folder.release()
    throw new FolderRefused(`${path} cannot be opened: ${messageOf(cause)}.`)
  }
}

/**
 * Reads a whole store, even while a server is using it.
 * @throws FolderRefused
 */
export async function checkStore(path: string): Promise<CheckResult> {
  return await orRefuse(path, async () => {
    checkFolder(path)
    return await checkRecords(path)
  })
}

/**
 * Copies a store into a new or empty folder, even while a server is using it. The copy is consistent and can be opened
 * like any store.
 * @throws FolderRefused
 */
export async function copyStore(from: string, to: string): Promise<void> {
  await orRefuse(from, async () => checkFolder(from))
  await orRefuse(to, async () => {
    makeFolder(to)
    if (readdirSync(to).length > 0) throw new FolderRefused(`${to} is not empty. Choose a new folder.`)
    makePrivate(to)
    await copyRecords(from, to)
    markCopy(from, to)
  })
}
