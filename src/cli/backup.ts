/** The commands `backup` and `restore`, for file stores. */
import { copyStore } from '../store/file/open.ts'
import { folderOf, isFileUrl } from '../store/open.ts'

/**
 * Returns the text to print.
 * @throws Error whose message is for the user
 */
export async function runCommand(kind: 'backup' | 'restore', folder: string, storeUrl: string): Promise<string> {
  if (!isFileUrl(storeUrl)) {
    throw new Error('Only a file store can be backed up or restored. Set --store or STORE_URL to file:<folder>.')
  }
  const store = folderOf(storeUrl)
  const [from, to] = kind === 'backup' ? [store, folder] : [folder, store]
  await copyStore(from, to)
  return `Copied the chats from ${from} to ${to}.\n`
}
