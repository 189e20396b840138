/**
 * The folder of a file store: whose it is, in which format, and whether what lies there can be opened at all. LMDB lets
 * any number of processes in and ends the process over a damaged file, so that is looked at first.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { platform, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FORMAT } from './records.ts'

/** Why a folder cannot be opened, as a sentence for its operator. */
export class FolderRefused extends Error {
  override readonly name = 'FolderRefused'
}

export const DATA_FILE = 'data.mdb'
const LOCK_FILE = 'lock.mdb'
/** Holds the number of the format. Written once the first data are, so that without it nothing was acknowledged. */
const FORMAT_FILE = 'silly-chat-format'
/** What LMDB makes of its lock file: with less, on a full disk, touching it would end the process. */
const LOCK_FILE_BYTES = 12_288

export interface Folder {
  readonly path: string
  /** Says in the folder that it holds a store now. */
  markAsOurs(): void
  /** Lets another process have it. */
  release(): void
}

/**
 * Takes the folder for this process, and makes it if it is not there.
 * @throws FolderRefused
 */
export async function takeFolder(path: string): Promise<Folder> {
  const lock = await orRefuse(path, async () => {
    makeFolder(path)
    return await lockFolder(path)
  })
  try {
    await orRefuse(path, async () => prepare(path))
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

/** If it is not there; then its name is synced, too, so that it cannot be gone with all that is acknowledged in it. */
export function makeFolder(path: string): void {
  if (existsSync(path)) return
  mkdirSync(path)
  syncFolder(dirname(path))
}

/** @throws FolderRefused if the folder holds nothing that this version can read */
export function checkFolder(path: string): void {
  const format = readFormat(path)
  if (format === undefined) throw new FolderRefused(`${path} holds no chats of Silly Chat.`)
  if (format > FORMAT) {
    throw new FolderRefused(
      `${path} was written by a newer version of Silly Chat (format ${format}, this one reads ${FORMAT}). Use that.`
    )
  }
  const damage = damageOf(join(path, DATA_FILE))
  if (damage !== undefined) {
    throw new FolderRefused(`${join(path, DATA_FILE)} is damaged (${damage}). Restore a backup into an empty folder.`)
  }
}

/** Copies what makes a folder ours, besides the data. */
export function markCopy(from: string, to: string): void {
  syncFile(join(to, DATA_FILE))
  writeFormat(to, readFileSync(join(from, FORMAT_FILE), 'utf8'))
}

function prepare(path: string): void {
  const data = join(path, DATA_FILE)
  if (readFormat(path) !== undefined) checkFolder(path)
  // The very first start may have been cut off.
  else if (existsSync(data) && holdsNothing(data)) rmSync(data)
  else if (existsSync(data)) {
    throw new FolderRefused(`${path} holds a ${DATA_FILE} that is not of Silly Chat. Choose another folder.`)
  }
  const lock = join(path, LOCK_FILE)
  if (!existsSync(lock) || statSync(lock).size < LOCK_FILE_BYTES) writeFileSync(lock, Buffer.alloc(LOCK_FILE_BYTES))
}

function readFormat(path: string): number | undefined {
  const file = join(path, FORMAT_FILE)
  if (!existsSync(file)) return undefined
  const text = readFileSync(file, 'utf8').trim()
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new FolderRefused(`${file} is damaged: it should hold a number.`)
  return Number(text)
}

/**
 * What is wrong with the file of an LMDB, as far as its two meta pages and the pages tell that the newer of them leads
 * to; undefined for nothing. Their layout is that of `MDB_page` and `MDB_meta` in mdb.c, as this version of the library has
 * it. Another may write another one, which would be taken for damage: so package.json pins it, and a test watches that.
 */
function damageOf(file: string): string | undefined {
  const descriptor = openSync(file, 'r')
  try {
    const first = readMeta(descriptor, 0)
    if (first === undefined) return 'its first page is not what it should be'
    const second = readMeta(descriptor, first.pageSize)
    if (second?.pageSize !== first.pageSize) return 'its second page is not what it should be'
    const newest = first.transaction >= second.transaction ? first : second
    if (Number(newest.lastPage + 1n) * newest.pageSize > fstatSync(descriptor).size) return 'its end is missing'
    return newest.roots.every((root) => isRoot(descriptor, root, newest)) ? undefined : 'its pages do not fit together'
  } finally {
    closeSync(descriptor)
  }
}

/** How many pages of a file that is not damaged hold something, free ones among them. */
export function usedPages(descriptor: number): { pages: number; pageSize: number } {
  const first = readMeta(descriptor, 0)
  const second = first && readMeta(descriptor, first.pageSize)
  if (first === undefined || second === undefined) throw new Error(`${DATA_FILE} is damaged`)
  const { lastPage } = first.transaction >= second.transaction ? first : second
  return { pages: Number(lastPage) + 1, pageSize: first.pageSize }
}

/** Where things stand in a page: in any, and in those that are meta pages. */
const PAGE = { bytes: 24, flags: 18, isBranch: 0x01, isLeaf: 0x02, isMeta: 0x08 }
const META = {
  bytes: 168,
  magic: 24,
  version: 28,
  pageSize: 48,
  kinds: [52, 100],
  roots: [88, 136],
  lastPage: 144,
  transaction: 152
}
const MAGIC = 0xbeefc0de
const MIN_PAGE = 256
const MAX_PAGE = 65_536
/** Of the two trees: numbers lead to free pages, bytes to what is kept. */
const KINDS = [0x08, 0x00]
/** The root of a tree with nothing in it. */
const NO_PAGE = 0xffff_ffff_ffff_ffffn

/** Whether LMDB got no further with a file than to its first pages, or not even there. */
function holdsNothing(file: string): boolean {
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
    META.kinds.every((at, index) => page.readUInt16LE(at) === KINDS[index]) &&
    pageSize >= MIN_PAGE &&
    pageSize <= MAX_PAGE
  if (!isSound) return undefined
  return {
    pageSize,
    roots: META.roots.map((at) => page.readBigUInt64LE(at)),
    lastPage: page.readBigUInt64LE(META.lastPage),
    transaction: page.readBigUInt64LE(META.transaction)
  }
}

/** Whether a tree can begin there. */
function isRoot(descriptor: number, root: bigint, { pageSize, lastPage }: Meta): boolean {
  if (root === NO_PAGE) return true
  if (root > lastPage) return false
  const page = Buffer.alloc(PAGE.bytes)
  readSync(descriptor, page, 0, PAGE.bytes, Number(root) * pageSize)
  const flags = page.readUInt16LE(PAGE.flags)
  return page.readBigUInt64LE() === root && (flags & (PAGE.isBranch | PAGE.isLeaf)) !== 0 && (flags & PAGE.isMeta) === 0
}

/**
 * One process per folder. A socket in Linux's abstract namespace is gone with its process, however that ended, and so are
 * named pipes on Windows. Containers with networks of their own do not see each other's.
 */
async function lockFolder(path: string): Promise<Server> {
  const { dev, ino } = statSync(path, { bigint: true })
  const name = `silly-chat-${dev}-${ino}`
  if (platform() === 'win32') return await listen(`\\\\.\\pipe\\${name}`, path)
  if (platform() === 'linux') return await listen(`\0${name}`, path)
  const file = join(tmpdir(), `${name}.sock`)
  // There, a socket stays when its process is killed.
  if (existsSync(file) && !(await answers(file))) rmSync(file)
  return await listen(file, path)
}

function listen(address: string, path: string): Promise<Server> {
  const server = createServer()
  server.unref()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = new FolderRefused(`${path} is in use by another process of Silly Chat. Stop that first.`)
      reject(error.code === 'EADDRINUSE' ? inUse : error)
    })
    server.listen({ path: address, exclusive: true }, () => resolve(server))
  })
}

function answers(address: string): Promise<boolean> {
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

/** Whole or not at all, whenever it is cut off. */
function writeFormat(path: string, text: string): void {
  const file = join(path, FORMAT_FILE)
  writeFileSync(`${file}.new`, text)
  syncFile(`${file}.new`)
  renameSync(`${file}.new`, file)
  syncFolder(path)
}

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

/** So that the names in it are there, too. */
function syncFolder(path: string): void {
  if (platform() === 'win32') return
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}
