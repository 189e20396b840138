/**
 * Turns an error into what can be logged of it. The message of an error can quote anything: a URL with ids, a text that was
 * not JSON, a password. So only those messages are logged that cannot quote a request: V8's own about undefined members, and
 * the first words with which Redis and LMDB name their errors.
 */
import { getSystemErrorMap } from 'node:util'

export type Fault = {
  readonly type: string
  readonly message: string
  readonly stack: string
  readonly code?: string
  /** The error name with which a message of Redis or LMDB begins, such as `NOAUTH` or `MDB_MAP_FULL`. */
  readonly word?: string
  readonly cause?: Fault
}

/** The depth to which causes are followed: an error could be its own cause. */
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

/** Of several errors of the same kind, such as one for each address of a host, the first one stands for all. */
function causeOf(error: Error): unknown {
  return error.cause ?? (error instanceof AggregateError ? error.errors[0] : undefined)
}

/** Many subclasses do not set a name of their own. */
function typeOf(error: Error): string {
  const type = error.name === 'Error' ? error.constructor.name : error.name
  return /^[A-Za-z]{1,60}$/.test(type) ? type : 'Error'
}

/** V8's messages about missing members and wrong types, which quote nothing but names in the code. */
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

/** Codes of Node.js and its libraries. Those of the system and of name servers are in `SYSTEM_CODES`. */
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

/** From lmdb.h. LMDB passes on system errors as well. */
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

/** The names of the errors of Redis and Valkey (redis.io, "Error replies" of RESP), of Lua scripts, and of LMDB. */
const WORDS = new Set(
  `ASK BUSY BUSYGROUP BUSYKEY CLUSTERDOWN CROSSSLOT DENIED ERR EXECABORT INPROG IOERR LOADING MASTERDOWN MISCONF MOVED
   NOAUTH NOGOODSLAVE NOGROUP NOMASTERLINK NOPERM NOPROTO NOQUORUM NOREPLICAS NOSCRIPT NOTBUSY OOM READONLY TRYAGAIN
   UNBLOCKED UNKILLABLE WRONGPASS WRONGTYPE ${Object.values(LMDB_CODES).join(' ')}`.split(/\s+/)
)

function wordOf(message: string): string | undefined {
  const [word = ''] = message.split(/[\s:]/, 1)
  return WORDS.has(word) ? word : undefined
}

/** A stack frame of V8 with a place in a file. The message before the frames can contain anything. */
const FRAME = /^ {4}at (?:async )?(?:[\w$.<>#[\] ]+ \()?(?:file:\/\/|node:|\/|[A-Z]:\\)[^()\n]*:\d+:\d+\)?$/

function framesOf({ message, stack = '' }: Error): string {
  const at = stack.indexOf(message)
  // If the message was changed later, the end of the old one in the stack is unknown.
  if (at === -1) return ''
  return stack
    .slice(at + message.length)
    .split('\n')
    .filter((line) => FRAME.test(line))
    .join('\n')
}
