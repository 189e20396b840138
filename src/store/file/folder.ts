/**
 * The folder of a file store. LMDB lets several processes open it and crashes on a damaged file, so before opening it
 * this checks the lock, the format and the structure of the data file.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { platform, tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { FORMAT } from './records.ts'

/** Why a folder cannot be opened, as a sentence for its operator. */
export class FolderRefused extends Error {
  override readonly name = 'FolderRefused'
}

export const DATA_FILE = 'data.mdb'
const LOCK_FILE = 'lock.mdb'
/** Contains the format number. Written after the first data; without this file nothing was acknowledged. */
const FORMAT_FILE = 'silly-chat-format'
const NEW_FORMAT_FILE = `${FORMAT_FILE}.new`
const OWN_FILES = [DATA_FILE, LOCK_FILE, FORMAT_FILE, NEW_FORMAT_FILE]
/** Is at the top of many file systems. */
const LOST_AND_FOUND = 'lost+found'
/** The owner alone can read what is in the folder. */
const FOLDER_MODE = 0o700
export const FILE_MODE = 0o600
const OTHERS_BITS = 0o077
/** What file systems answer that keep no permissions, or none that this process can change. */
const UNCHANGEABLE: ReadonlySet<unknown> = new Set(['EPERM', 'EACCES', 'EROFS', 'ENOTSUP', 'ENOSYS'])
/** The size of LMDB's lock file. If it is shorter and the disk is full, accessing the mapped file crashes the process. */
const LOCK_FILE_BYTES = 12_288

export interface Folder {
  readonly path: string
  /** Writes the format file. */
  markAsOurs(): void
  /** Releases the lock. */
  release(): void
}

/**
 * Locks the folder for this process; creates it if it does not exist.
 * @throws FolderRefused
 */
export async function takeFolder(path: string): Promise<Folder> {
  const lock = await orRefuse(path, async () => {
    makeFolder(path)
    return await lockFolder(path)
  })
  try {
    await orRefuse(path, async () => {
      prepare(path)
      makePrivate(path)
    })
  } catch (error) {
    lock.close()
    throw error
  }
  return {
    path,
    markAsOurs: () => {
      if (readFormat(path) === undefined) writeFormat(path, `${FORMAT}\n`)
    },
    release: () => void lock.close()
  }
}

/** Creates the folder if it does not exist, and syncs its parent, so that a power loss cannot remove the new folder. */
export function makeFolder(path: string): void {
  if (existsSync(path)) return
  mkdirSync(path, { mode: FOLDER_MODE })
  syncFolder(dirname(path))
}

/** Takes the permissions of others away from the files of a store, and from its folder if nothing else is in it. */
export function makePrivate(folder: string): void {
  if (readdirSync(folder).every((name) => OWN_FILES.includes(name) || name === LOST_AND_FOUND)) closeToOthers(folder)
  for (const file of OWN_FILES) closeToOthers(join(folder, file))
}

/** What belongs to another user stays as it is. */
function closeToOthers(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || (found.mode & OTHERS_BITS) === 0 || !isOurs(found.uid)) return
  try {
    chmodSync(path, found.mode & 0o7777 & ~OTHERS_BITS)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && UNCHANGEABLE.has(error.code))) throw error
  }
}

/** Root can change everything, so it is asked who owns it. */
function isOurs(owner: number): boolean {
  try {
    return userInfo().uid === owner
  } catch {
    // A user id without a name, as in containers. The file system refuses changes to what another user owns.
    return true
  }
}

/** @throws FolderRefused if this version cannot read the folder */
export function checkFolder(path: string): void {
  const format = readFormat(path)
  if (format === undefined) throw new FolderRefused(`${path} contains no Silly Chat store.`)
  if (format > FORMAT) {
    throw new FolderRefused(
      `${path} was written by a newer version of Silly Chat (format ${format}; this one reads ${FORMAT}). Use that version.`
    )
  }
  const damage = damageOf(join(path, DATA_FILE))
  if (damage !== undefined) {
    throw new FolderRefused(`${join(path, DATA_FILE)} is damaged (${damage}). Restore a backup into an empty folder.`)
  }
}

/** Completes a copy: syncs its data, without the space that was reserved for more, and copies the format file. */
export function markCopy(from: string, to: string): void {
  const data = openSync(join(to, DATA_FILE), 'r+')
  const { pages, pageSize } = usedPages(data)
  ftruncateSync(data, pages * pageSize)
  fsyncSync(data)
  closeSync(data)
  rmSync(join(to, LOCK_FILE))
  writeFormat(to, readFileSync(join(from, FORMAT_FILE), 'utf8'))
}

function prepare(path: string): void {
  const data = join(path, DATA_FILE)
  if (readFormat(path) !== undefined) checkFolder(path)
  // The first start was interrupted before anything was stored.
  else if (existsSync(data) && isEmpty(data)) rmSync(data)
  else if (existsSync(data)) {
    throw new FolderRefused(
      `${path} contains a ${DATA_FILE} that was not written by Silly Chat. Choose another folder.`
    )
  }
  const lock = join(path, LOCK_FILE)
  if (!existsSync(lock) || statSync(lock).size < LOCK_FILE_BYTES) {
    writeFileSync(lock, Buffer.alloc(LOCK_FILE_BYTES), { mode: FILE_MODE })
  }
}

function readFormat(path: string): number | undefined {
  const file = join(path, FORMAT_FILE)
  if (!existsSync(file)) return undefined
  const text = readFileSync(file, 'utf8').trim()
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new FolderRefused(`${file} is damaged: it must contain a number.`)
  return Number(text)
}

/**
 * Checks an LMDB file: its two meta pages, and the root pages of the newer one. Returns what is wrong, or undefined.
 * The layout is that of `MDB_page` and `MDB_meta` in mdb.c. Another version of the library could use another layout, which
 * would look like damage here, so package.json pins the version and a test checks that it does.
 */
function damageOf(file: string): string | undefined {
  const descriptor = openSync(file, 'r')
  try {
    const first = readMeta(descriptor, 0)
    if (first === undefined) return 'its first page is invalid'
    const second = readMeta(descriptor, first.pageSize)
    if (second?.pageSize !== first.pageSize) return 'its second page is invalid'
    const newest = first.transaction >= second.transaction ? first : second
    if (Number(newest.lastPage + 1n) * newest.pageSize > fstatSync(descriptor).size) return 'it is truncated'
    return newest.roots.every((root) => isRoot(descriptor, root, newest)) ? undefined : 'its pages are inconsistent'
  } finally {
    closeSync(descriptor)
  }
}

export interface PageCounts {
  readonly pageSize: number
  /** Up to the last used page, including free pages before it. */
  readonly pages: number
  /** Those that hold something. */
  readonly live: number
  /** Those with data. */
  readonly leaves: number
  /** Those that lead to the data. */
  readonly branches: number
}

/** The file must not be damaged. */
export function usedPages(descriptor: number): PageCounts {
  const first = readMeta(descriptor, 0)
  const second = first && readMeta(descriptor, first.pageSize)
  if (first === undefined || second === undefined) throw new Error(`${DATA_FILE} is damaged`)
  const { lastPage, trees } = first.transaction >= second.transaction ? first : second
  const [, data] = trees
  return {
    pageSize: first.pageSize,
    pages: Number(lastPage) + 1,
    live: 2 + trees.reduce((sum, { branches, leaves, overflow }) => sum + branches + leaves + overflow, 0),
    leaves: data?.leaves ?? 0,
    branches: data?.branches ?? 0
  }
}

/** Byte offsets and flags in every page, and byte offsets in meta pages. */
const PAGE = { bytes: 24, flags: 18, isBranch: 0x01, isLeaf: 0x02, isMeta: 0x08 }
const META = {
  bytes: 168,
  magic: 24,
  version: 28,
  pageSize: 48,
  treeFlags: [52, 100],
  roots: [88, 136],
  /** The numbers of branch, leaf and overflow pages. */
  pageCounts: [56, 104],
  lastPage: 144,
  transaction: 152
}
const MAGIC = 0xbeefc0de
const MIN_PAGE = 256
const MAX_PAGE = 65_536
/** Flags of the two trees: the free pages are keyed by integers, the data by bytes. */
const TREE_FLAGS = [0x08, 0x00]
/** The root of an empty tree. */
const NO_PAGE = 0xffff_ffff_ffff_ffffn

/** Whether LMDB was interrupted while it created the file, so that no data was stored. */
function isEmpty(file: string): boolean {
  const { size } = statSync(file)
  if (size > 2 * MAX_PAGE) return false
  if (readFileSync(file).every((byte) => byte === 0)) return true
  const descriptor = openSync(file, 'r')
  try {
    const first = readMeta(descriptor, 0)
    if (first === undefined) return false
    const second = size < 2 * first.pageSize ? first : readMeta(descriptor, first.pageSize)
    return [...first.roots, ...(second?.roots ?? [0n])].every((root) => root === NO_PAGE)
  } finally {
    closeSync(descriptor)
  }
}

type Meta = NonNullable<ReturnType<typeof readMeta>>

function readMeta(descriptor: number, position: number) {
  const page = Buffer.alloc(META.bytes)
  if (readSync(descriptor, page, 0, META.bytes, position) < META.bytes) return undefined
  const pageSize = page.readUInt32LE(META.pageSize)
  const isSound =
    page.readUInt32LE(META.magic) === MAGIC &&
    page.readUInt16LE(META.version) === 2 &&
    (page.readUInt16LE(PAGE.flags) & PAGE.isMeta) !== 0 &&
    META.treeFlags.every((at, index) => page.readUInt16LE(at) === TREE_FLAGS[index]) &&
    pageSize >= MIN_PAGE &&
    pageSize <= MAX_PAGE
  if (!isSound) return undefined
  return {
    pageSize,
    roots: META.roots.map((at) => page.readBigUInt64LE(at)),
    trees: META.pageCounts.map((at) => ({
      branches: Number(page.readBigUInt64LE(at)),
      leaves: Number(page.readBigUInt64LE(at + 8)),
      overflow: Number(page.readBigUInt64LE(at + 16))
    })),
    lastPage: page.readBigUInt64LE(META.lastPage),
    transaction: page.readBigUInt64LE(META.transaction)
  }
}

/** Whether this page can be the root of a tree. */
function isRoot(descriptor: number, root: bigint, { pageSize, lastPage }: Meta): boolean {
  if (root === NO_PAGE) return true
  if (root > lastPage) return false
  const page = Buffer.alloc(PAGE.bytes)
  readSync(descriptor, page, 0, PAGE.bytes, Number(root) * pageSize)
  const flags = page.readUInt16LE(PAGE.flags)
  return page.readBigUInt64LE() === root && (flags & (PAGE.isBranch | PAGE.isLeaf)) !== 0 && (flags & PAGE.isMeta) === 0
}

/**
 * One process per folder. Sockets in Linux's abstract namespace and named pipes on Windows disappear with their process,
 * even after a crash. Limit: containers with separate network namespaces do not see each other's lock.
 */
async function lockFolder(path: string): Promise<Server> {
  const { dev, ino } = statSync(path, { bigint: true })
  const name = `silly-chat-${dev}-${ino}`
  if (platform() === 'win32') return await listen(`\\\\.\\pipe\\${name}`, path)
  if (platform() === 'linux') return await listen(`\0${name}`, path)
  const file = join(tmpdir(), `${name}.sock`)
  // On other systems the socket file remains when its process is killed.
  if (existsSync(file) && !(await isListening(file))) rmSync(file)
  return await listen(file, path)
}

function listen(address: string, path: string): Promise<Server> {
  const server = createServer()
  server.unref()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = new FolderRefused(`${path} is in use by another Silly Chat process. Stop that process first.`)
      reject(error.code === 'EADDRINUSE' ? inUse : error)
    })
    server.listen({ path: address, exclusive: true }, () => resolve(server))
  })
}

function isListening(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

export async function orRefuse<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FolderRefused) throw error
    throw new FolderRefused(`${path} cannot be used: ${messageOf(error)}.`)
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Atomic, even if the process is interrupted. */
function writeFormat(path: string, text: string): void {
  const file = join(path, NEW_FORMAT_FILE)
  writeFileSync(file, text, { mode: FILE_MODE })
  syncFile(file)
  renameSync(file, join(path, FORMAT_FILE))
  syncFolder(path)
}

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

/** Makes new and renamed files in the folder durable. */
function syncFolder(path: string): void {
  if (platform() === 'win32') return
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}
