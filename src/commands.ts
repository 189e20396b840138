/** What the program can do besides serving: copy the chats of a file store, there and back. */
import { copyStore } from './store/file/open.ts'
import { folderOf, isFileUrl } from './store/open.ts'

const USAGE = `Usage:
  silly-chat                    serves chats
  silly-chat backup <folder>    copies the chats of STORE_URL into a new folder, also while they are served
  silly-chat restore <folder>   makes the store of STORE_URL, which must not exist yet, from such a copy
`

/**
 * Says what was done.
 * @throws Error with a sentence if it cannot be done
 */
export async function runCommand([command, folder, ...rest]: readonly string[], storeUrl: string): Promise<string> {
  if ((command !== 'backup' && command !== 'restore') || folder === undefined || rest.length > 0) throw new Error(USAGE)
  if (!isFileUrl(storeUrl)) throw new Error('Only a file store can be copied: set STORE_URL to file: and its folder.')
  const store = folderOf(storeUrl)
  const [from, to] = command === 'backup' ? [store, folder] : [folder, store]
  await copyStore(from, to)
  return `Copied the chats in ${from} to ${to}.\n`
}
