/**
 * A fault as it may be logged. The message of an error can quote anything: a URL with ids, a text that was no JSON, a
 * password. So nothing of a message is logged but what cannot come from a request: what the language itself says of
 * undefined members, and the first words by which Redis and LMDB name their errors.
 */
import { getSystemErrorMap } from 'node:util'

export type Fault = {
  readonly type: string
  readonly message: string
  readonly stack: string
  readonly code?: string
  /** The name that a server or a library begins its message with, as `NOAUTH` or `MDB_MAP_FULL`. */
  readonly word?: string
  readonly cause?: Fault
}

/** An error's causes are followed so far: one of them could be its own. */
const MAX_CAUSES = 5

export function describeFault(error: unknown): Fault {
  return describe(error, MAX_CAUSES)
}

function describe(error: unknown, depth: number): Fault {
  if (!(error instanceof Error)) return { type: typeof error, message: '', stack: '' }
  const code = codeOf(error)
  const word = wordOf(error.message)
  const cause = causeOf(error)
  return {
    type: typeOf(error),
    message: OF_THE_LANGUAGE.some((form) => form.test(error.message)) ? error.message : '',
    stack: framesOf(error),
    ...(code !== undefined && { code }),
    ...(word !== undefined && { word }),
    ...(cause !== undefined && depth > 0 && { cause: describe(cause, depth - 1) })
  }
}

/** The first of several that failed alike, as of all addresses of a host, is as good as their cause. */
function causeOf(error: Error): unknown {
  return error.cause ?? (error instanceof AggregateError ? error.errors[0] : undefined)
}

/** Many classes keep the name that they inherit. */
function typeOf(error: Error): string {
  const type = error.name === 'Error' ? error.constructor.name : error.name
  return /^[A-Za-z]{1,60}$/.test(type) ? type : 'Error'
}

/** What V8 says when a member is missing or of the wrong kind, with nothing in it but a name of the code's. */
const NAME = '[A-Za-z_$#][\\w$#]{0,20}'
const PATH = `(?:\\(intermediate value\\)|${NAME}(?:\\.${NAME}|\\(\\.\\.\\.\\)){0,5})`
const OF_THE_LANGUAGE = [
  `Cannot (?:read|set) properties of (?:undefined|null)(?: \\((?:reading|setting) '${NAME}'\\))?`,
  `${PATH} is not (?:defined|iterable|a function|a constructor)`,
  "Cannot access '[A-Za-z_$#][\\w$#]{0,20}' before initialization",
  'Maximum call stack size exceeded',
  'Invalid (?:array|string) length',
  'Invalid time value'
].map((form) => new RegExp(`^${form}$`))

/** Codes of Node.js and its libraries, and those of the system and of name servers, by number too. */
const CODE = /^(?:CERT|DEPTH|ERR|FST|HPE|MDB|SELF|UNABLE)_[A-Z0-9_]{1,60}$/
const SYSTEM_CODES = new Set([
  ...Array.from(getSystemErrorMap().values(), ([name]) => name),
  ...['ENOTFOUND', 'EREFUSED', 'ESERVFAIL', 'ETIMEOUT']
])

function codeOf(error: Error): string | undefined {
  const code: unknown = 'code' in error ? error.code : undefined
  if (typeof code === 'number') return nameOf(code)
  return typeof code === 'string' && (SYSTEM_CODES.has(code) || CODE.test(code)) ? code : undefined
}

/** As in lmdb.h, and what LMDB passes on from the system. */
const LMDB_CODES: Readonly<Record<number, string>> = {
  [-30_799]: 'MDB_KEYEXIST',
  [-30_798]: 'MDB_NOTFOUND',
  [-30_797]: 'MDB_PAGE_NOTFOUND',
  [-30_796]: 'MDB_CORRUPTED',
  [-30_795]: 'MDB_PANIC',
  [-30_794]: 'MDB_VERSION_MISMATCH',
  [-30_793]: 'MDB_INVALID',
  [-30_792]: 'MDB_MAP_FULL',
  [-30_791]: 'MDB_DBS_FULL',
  [-30_790]: 'MDB_READERS_FULL',
  [-30_788]: 'MDB_TXN_FULL',
  [-30_787]: 'MDB_CURSOR_FULL',
  [-30_786]: 'MDB_PAGE_FULL',
  [-30_785]: 'MDB_MAP_RESIZED',
  [-30_784]: 'MDB_INCOMPATIBLE',
  [-30_783]: 'MDB_BAD_RSLOT',
  [-30_782]: 'MDB_BAD_TXN',
  [-30_781]: 'MDB_BAD_VALSIZE',
  [-30_780]: 'MDB_BAD_DBI',
  [-30_779]: 'MDB_PROBLEM'
}

function nameOf(code: number): string | undefined {
  return LMDB_CODES[code] ?? getSystemErrorMap().get(-code)?.[0]
}

/** The names of Redis' and Valkey's errors (redis.io, "Error replies" of RESP) and of Lua scripts, and LMDB's. */
const WORDS = new Set(
  `ASK BUSY BUSYGROUP BUSYKEY CLUSTERDOWN CROSSSLOT DENIED ERR EXECABORT INPROG IOERR LOADING MASTERDOWN MISCONF MOVED
   NOAUTH NOGOODSLAVE NOGROUP NOMASTERLINK NOPERM NOPROTO NOQUORUM NOREPLICAS NOSCRIPT NOTBUSY OOM READONLY TRYAGAIN
   UNBLOCKED UNKILLABLE WRONGPASS WRONGTYPE ${Object.values(LMDB_CODES).join(' ')}`.split(/\s+/)
)

function wordOf(message: string): string | undefined {
  const [word = ''] = message.split(/[\s:]/, 1)
  return WORDS.has(word) ? word : undefined
}

/** A frame of V8's with the place in a file; a message may hold anything, and stands before the frames. */
const FRAME = /^ {4}at (?:async )?(?:[\w$.<>#[\] ]+ \()?(?:file:\/\/|node:|\/|[A-Z]:\\)[^()\n]*:\d+:\d+\)?$/

function framesOf({ message, stack = '' }: Error): string {
  const at = stack.indexOf(message)
  // A message that was changed later does not say where the old one ends.
  if (at === -1) return ''
  return stack
    .slice(at + message.length)
    .split('\n')
    .filter((line) => FRAME.test(line))
    .join('\n')
}
