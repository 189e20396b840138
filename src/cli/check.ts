/** The command `check`, for file stores. */
import type { CheckResult, Damage } from '../store/file/check.ts'
import { checkStore } from '../store/file/open.ts'
import { folderOf, isFileUrl } from '../store/open.ts'

/**
 * Returns the text to print, and whether all chats are sound.
 * @throws Error whose message is for the user
 */
export async function runCheck(storeUrl: string): Promise<{ text: string; isSound: boolean }> {
  if (!isFileUrl(storeUrl)) {
    throw new Error('Only a file store can be checked. Set --store or STORE_URL to file:<folder>.')
  }
  const result = await checkStore(folderOf(storeUrl))
  const isSound = result.damaged.size === 0 && result.strays === 0 && result.unreadable === undefined
  return { text: linesOf(result).join('\n').concat('\n'), isSound }
}

function linesOf({ chats, records, withoutChecksum, damaged, strays, unreadable }: CheckResult): string[] {
  const lines = Array.from(
    damaged,
    // The tag is no secret: every link of the chat begins with it, too.
    ([tag, damage]) => `The chat whose address begins with ${tag} is damaged: ${partsOf(damage)}.`
  )
  if (strays > 0) lines.push(`${counted(strays, 'record')} cannot be assigned to a chat.`)
  if (unreadable !== undefined) lines.push(`The data file could not be read to its end: ${unreadable}.`)
  if (withoutChecksum > 0) {
    lines.push(
      `${counted(withoutChecksum, 'record')} of an older version have no checksum; only their form was checked.`
    )
  }
  lines.push(`Checked ${counted(chats, 'chat')} with ${counted(records, 'record')}: ${damaged.size || 'none'} damaged.`)
  return lines
}

function partsOf(damage: Damage): string {
  return Array.from(damage, ([part, times]) => counted(times, part)).join(', ')
}

function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`
  return `${count} ${noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`}`
}
