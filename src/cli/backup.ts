/** What the program can do besides serving: copy the chats of a file store, there and back. */
import { copyStore } from '../store/file/open.ts'
import { folderOf, isFileUrl } from '../store/open.ts'

/**
 * Says what was done.
 * @throws Error with a sentence if it cannot be done
 */
export async function runCommand(kind: 'backup' | 'restore', folder: string, storeUrl: string): Promise<string> {
  if (!isFileUrl(storeUrl)) {
    throw new Error('Only a file store can be copied: set --store or STORE_URL to file: and its folder.')
  }
  const store = folderOf(storeUrl)
  const [from, to] = kind === 'backup' ? [store, folder] : [folder, store]
  await copyStore(from, to)
  return `Copied the chats in ${from} to ${to}.\n`
}
