/** The folder of a file store: it can be open once, and a folder that cannot be opened is refused with a message. */
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tagOf } from '../../../src/chat/ids.ts'
import { FolderRefused, usedPages } from '../../../src/store/file/folder.ts'
import { aDoor } from '../../support/doors.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { runNode, runProgram } from '../../support/program.ts'
import { isRoot } from '../../support/real-parts.ts'
import { aChat, append, texts } from '../contract/support.ts'

const PAGE = 4096
const FORMAT_FILE = 'silly-chat-format'
const IN_USE = /is in use by another Silly Chat process\. Stop that process first\.$/

/** A closed folder with some messages. */
async function aUsedFolder() {
  const folder = aFolder()
  const store = await opened(folder)
  const { door } = aDoor()
  await aChat(store, door)
  for (let count = 0; count < 40; count++) await append(store, tagOf(door.chat), `${count}`.padEnd(400))
  await store.close()
  return { folder, tag: tagOf(door.chat) }
}

const dataOf = (folder: string) => join(folder, 'data.mdb')

async function refusal(folder: string): Promise<string> {
  const error: unknown = await opened(folder).then(
    () => undefined,
    (refused: unknown) => refused
  )
  if (error instanceof FolderRefused) return error.message
  throw new Error('the folder was not refused', { cause: error })
}

/** The message of the program if it refuses a folder; it must print nothing else. */
async function refusalOfProgram(folder: string, under: readonly string[] = []): Promise<string> {
  const { code, out, err } = await runProgram({ env: { STORE_URL: `file:${folder}` }, under }).ended
  expect({ code, out }, err).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/^STORE_URL: [^\n]+\.\n$/)
  return err.trim().replace('STORE_URL: ', '')
}

describe('a folder', () => {
  it('can be open once: it is refused as in use by any path', async () => {
    const folder = aFolder()
    const store = await opened(folder)
    const link = `${folder}-link`
    symlinkSync(folder, link)
    for (const path of [folder, `${folder}/`, link, relative(process.cwd(), folder)]) {
      expect(await refusal(path)).toBe(`${path} is in use by another Silly Chat process. Stop that process first.`)
    }
    const tag = await aChat(store)
    await append(store, tag, 'undisturbed')
    expect(await texts(store, tag)).toEqual(['undisturbed'])
  })

  it('can be opened again at once after it was closed, and after it was refused', async () => {
    const { folder } = await aUsedFolder()
    for (let count = 0; count < 3; count++) await (await opened(folder)).close()
    writeFileSync(join(folder, FORMAT_FILE), '9\n')
    for (let count = 0; count < 2; count++) expect(await refusal(folder)).toMatch(/newer version/)
  })

  it('is opened by exactly one of several simultaneous calls', async () => {
    const folder = aFolder()
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => opened(folder)))
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []))
    expect(reasons).toHaveLength(5)
    for (const reason of reasons) expect(reason).toMatch(IN_USE)
  })

  it('is opened by exactly one of several programs that start simultaneously, and can be opened after a kill', async () => {
    const folder = aFolder()
    const run = { env: { STORE_URL: `file:${folder}` } }
    const started = Array.from({ length: 3 }, () => runProgram(run))
    const firsts = started.map(async ({ child, ended }, index) => {
      const listens = once(child.stdout, 'data').then(() => undefined)
      return { index, ended: await Promise.race([ended, listens]) }
    })
    const outcomes = await Promise.all(firsts)
    const winners = outcomes.filter(({ ended }) => ended === undefined || ended.code !== 1)
    expect(winners).toHaveLength(1)
    for (const { ended } of outcomes) if (ended?.code === 1) expect(ended.err.trim()).toMatch(IN_USE)
    expect(await refusal(folder)).toMatch(IN_USE)
    const winner = started[winners[0]?.index ?? 0]
    winner?.child.kill('SIGKILL')
    await winner?.ended
    await opened(folder)
  })

  it('is created if its parent exists', async () => {
    const folder = aFolder()
    await opened(folder)
    expect(readdirSync(folder).sort()).toEqual(['data.mdb', 'lock.mdb', FORMAT_FILE])
    expect(readFileSync(join(folder, FORMAT_FILE), 'utf8')).toBe('2\n')
    expect(await refusal(join(dirname(folder), 'no', 'parent'))).toMatch(/cannot be used: ENOENT: .*\.$/)
  })

  it('cannot be a file', async () => {
    const folder = aFolder()
    writeFileSync(folder, 'a letter')
    expect(await refusal(folder)).toMatch(/cannot be used: ENOTDIR: .*\.$/)
    expect(readFileSync(folder, 'utf8')).toBe('a letter')
  })

  it('of a newer format is refused with that reason and not changed', async () => {
    const { folder } = await aUsedFolder()
    writeFileSync(join(folder, FORMAT_FILE), '3\n')
    const before = readFileSync(dataOf(folder))
    const sentence = `${folder} was written by a newer version of Silly Chat (format 3; this one reads 2). Use that version.`
    expect(await refusal(folder)).toBe(sentence)
    expect(await refusalOfProgram(folder)).toBe(sentence)
    expect(readFileSync(dataOf(folder)).equals(before)).toBe(true)
  })

  it.each(['', 'one', '1.5', '-1', '0', '0x1', '99999999999999'])('whose format is "%s" is refused', async (text) => {
    const { folder } = await aUsedFolder()
    writeFileSync(join(folder, FORMAT_FILE), text)
    expect(await refusal(folder)).toBe(`${join(folder, FORMAT_FILE)} is damaged: it must contain a number.`)
  })

  it('with foreign data is refused and not changed', async () => {
    const { folder } = await aUsedFolder()
    rmSync(join(folder, FORMAT_FILE))
    const foreign = [readFileSync(dataOf(folder)), 'a letter', Buffer.alloc(200_000)]
    for (const data of foreign) {
      writeFileSync(dataOf(folder), data)
      expect(await refusal(folder)).toBe(
        `${folder} contains a data.mdb that was not written by Silly Chat. Choose another folder.`
      )
      expect(readFileSync(dataOf(folder)).equals(Buffer.from(data))).toBe(true)
    }
  })

  it('whose first start was interrupted at any point is initialized again', async () => {
    const made = aFolder()
    await (await opened(made)).close()
    const empty = readFileSync(dataOf(made))
    expect(empty).toHaveLength(2 * PAGE)
    const leftovers = [Buffer.alloc(0), empty.subarray(0, PAGE), Buffer.alloc(2 * PAGE), empty]
    for (const leftover of leftovers) {
      const folder = aFolder()
      mkdirSync(folder)
      writeFileSync(dataOf(folder), leftover)
      writeFileSync(join(folder, 'lock.mdb'), '')
      writeFileSync(join(folder, `${FORMAT_FILE}.new`), '')
      const store = await opened(folder)
      const tag = await aChat(store)
      await append(store, tag, 'hello')
      await store.close()
      expect(await texts(await opened(folder), tag)).toEqual(['hello'])
    }
  })

  it.skipIf(!isRoot('setpriv'))('without write permission is refused', async () => {
    const { folder } = await aUsedFolder()
    for (const path of [dirname(folder), folder]) chmodSync(path, 0o755)
    const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    expect(await refusalOfProgram(folder, asNobody)).toMatch(/ cannot be (used|opened): .*(EACCES|Permission denied)/)
    for (const file of readdirSync(folder)) chownSync(join(folder, file), 65534, 65534)
    chmodSync(dataOf(folder), 0o444)
    expect(await refusalOfProgram(folder, asNobody)).toMatch(/ cannot be opened: .*Permission denied/)
    rmSync(join(folder, 'lock.mdb'))
    expect(await refusalOfProgram(folder, asNobody)).toMatch(/ cannot be used: EACCES/)
  })
})

/** Opens each folder of its arguments and prints the outcome, one line each. */
const OPEN_ALL = `
  import { openFileStore } from './src/store/file/open.ts'
  for (const folder of process.argv.slice(1)) {
    const options = { maxChatBytes: 1000, onFault() {}, onBroken() {} }
    console.log(await openFileStore(folder, options).then(() => 'opened', ({ name, message }) => name + ': ' + message))
  }
`

/** `[the damage, the expected message, a function that damages a data file]` */
const DAMAGES: readonly [damage: string, message: RegExp, (data: string) => void][] = [
  ['is empty', /its first page/, (data) => truncateSync(data)],
  ['is a text', /its first page/, (data) => writeFileSync(data, 'a letter\n'.repeat(5000))],
  ['is all zeros', /its first page/, (data) => writeFileSync(data, Buffer.alloc(statSync(data).size))],
  ['ends in its first page', /its first page/, (data) => truncateSync(data, 100)],
  ['ends after its first page', /its second page/, (data) => truncateSync(data, PAGE)],
  ['ends after its second page', /it is truncated/, (data) => truncateSync(data, 2 * PAGE)],
  ['lacks its last byte', /it is truncated/, (data) => truncateSync(data, usedBytes(data) - 1)],
  ['has a wrong mark', /its first page/, (data) => overwrite(data, 24, Buffer.alloc(4))],
  ['has a wrong mark on its second page', /its second page/, (data) => overwrite(data, PAGE + 24, Buffer.alloc(4))],
  ['has pages of no size', /its first page/, (data) => overwrite(data, 48, Buffer.alloc(4))],
  ['has pages of two sizes', /its second page/, (data) => overwrite(data, PAGE + 48, Buffer.of(0, 8, 0, 0))],
  ['has trees of another kind', /its (first|second) page/, (data) => overwriteBoth(data, 52, Buffer.of(0xff))],
  [
    'has a tree that begins nowhere',
    /its pages are inconsistent/,
    (data) => overwriteBoth(data, 136, Buffer.alloc(8, 9))
  ],
  [
    'has a tree that begins at its start',
    /its pages are inconsistent/,
    (data) => overwriteBoth(data, 136, Buffer.alloc(8))
  ],
  ['has zeros after its second page', /its pages are inconsistent/, (data) => overwriteRest(data, 0)],
  ['has noise after its second page', /its pages are inconsistent/, (data) => overwriteRest(data, 0xa5)],
  ['is a folder', /EISDIR/, (data) => toFolder(data)],
  ['is missing', /ENOENT/, (data) => rmSync(data)]
]

/** The file can be longer, because LMDB allocates space in advance. */
function usedBytes(file: string): number {
  const descriptor = openSync(file, 'r')
  const { pages, pageSize } = usedPages(descriptor)
  closeSync(descriptor)
  return pages * pageSize
}

function toFolder(file: string): void {
  rmSync(file)
  mkdirSync(file)
}

function overwrite(file: string, at: number, bytes: Buffer): void {
  const all = readFileSync(file)
  bytes.copy(all, at)
  writeFileSync(file, all)
}

function overwriteBoth(file: string, at: number, bytes: Buffer): void {
  for (const page of [0, PAGE]) overwrite(file, page + at, bytes)
}

function overwriteRest(file: string, byte: number): void {
  overwrite(file, 2 * PAGE, Buffer.alloc(statSync(file).size - 2 * PAGE, byte))
}

describe('a data file', () => {
  it('that is damaged in any of these ways is refused with a message that names it, and does not crash the process', async () => {
    const { folder: good } = await aUsedFolder()
    const folders = DAMAGES.map(([, , damage]) => {
      const folder = aFolder()
      cpSync(good, folder, { recursive: true })
      damage(dataOf(folder))
      return folder
    })
    const { code, out, err } = await runNode({
      args: ['--import', 'tsx', '--input-type=module', '-e', OPEN_ALL, ...folders]
    }).ended
    expect({ code, err }, out).toEqual({ code: 0, err: '' })
    const lines = out.trim().split('\n')
    for (const [index, [damage, message]] of DAMAGES.entries()) {
      expect(lines[index], damage).toMatch(/^FolderRefused: .*\.$/)
      expect(lines[index], damage).toMatch(message)
      expect(lines[index], damage).toContain(folders[index])
    }
  })

  it('that is damaged stops the program with that message', async () => {
    const { folder } = await aUsedFolder()
    truncateSync(dataOf(folder), 3 * PAGE)
    expect(await refusalOfProgram(folder)).toBe(
      `${dataOf(folder)} is damaged (it is truncated). Restore a backup into an empty folder.`
    )
  })
})
