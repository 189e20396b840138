/** The settings: read from flags and the environment once, at the start. README.md shows this table; a test compares them. */
import { isIP, isIPv6 } from 'node:net'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const MAX_PORT = 65535
/** A thousand years. */
const MAX_TTL_SECONDS = 31_557_600_000

/** Control and formatting characters, line ends, and what stands for bytes that are no UTF-8. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\uFFFD]/u

function isClean(text: string): boolean {
  return text.trim() === text && !HIDDEN.test(text)
}

function wholeNumber(min: number, max: number) {
  const wanted = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,15}$/, wanted)
    .transform(Number)
    .refine((number) => number >= min && number <= max, wanted)
}

const limit = () => wholeNumber(1, Number.MAX_SAFE_INTEGER)

/** With nothing but scheme, authority and path, spelled as it will be used. */
function isHttpUrl(text: string): boolean {
  return (
    /^https?:\/\/[^\s?#@\\]+$/i.test(text) &&
    URL.canParse(text) &&
    /^(?:[a-z\d._-]+|\[[\d:a-f]+\])$/.test(new URL(text).hostname)
  )
}

/** Its path goes into the page, the API's document and every answer as it is: nothing in it may mean something there. */
function isPublicUrl(text: string): boolean {
  return isHttpUrl(text) && /^(?:\/(?:[\w.~+:,=!*()-]|%[\dA-F]{2})+)*\/*$/i.test(new URL(text).pathname)
}

function isOrigin(text: string): boolean {
  return isHttpUrl(text) && new URL(text).origin === text
}

function isAddressOrNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  if (isIP(address) === 0 || rest.length > 0) return false
  const bits = isIP(address) === 4 ? 32 : 128
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
}

function readList(text: string, isItem: (item: string) => boolean): string[] | undefined {
  const items = text.split(',').map((item) => item.trim())
  return items.every(isItem) ? items : undefined
}

function readTrustProxy(text: string): boolean | string[] | undefined {
  if (text === 'on' || text === 'off') return text === 'on'
  return readList(text, isAddressOrNetwork)
}

function readOrigins(text: string): '*' | string[] | undefined {
  return text === '*' ? text : readList(text, isOrigin)
}

/** A host and a port with a colon between them; an IPv6 address stands in brackets. */
function readAddress(text: string): false | { host: string; port: number } | undefined {
  if (text === 'off') return false
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) > MAX_PORT) return undefined
  return bracketed !== undefined && !isIPv6(bracketed) ? undefined : { host, port: Number(port) }
}

/**
 * To its end: what a store would ignore or read otherwise is refused, for the answer to a mistake would be a new and empty
 * store.
 */
function isStoreUrl(text: string): boolean {
  if (text === 'memory:') return true
  if (/[?#]/.test(text)) return false
  return text.startsWith('file:') ? isFolder(text) : isRedis(text)
}

/** `file:` and a path, in which a shell's `~` is no folder, or a file URL. */
function isFolder(text: string): boolean {
  if (!text.startsWith('file://')) return /^file:[^~]/.test(text)
  return /^file:\/\/\/./.test(text) && URL.canParse(text) && HIDDEN.exec(decoded(fileURLToPath, text) ?? '\0') === null
}

/** With a number for the database, if any. */
function isRedis(text: string): boolean {
  if (!/^rediss?:\/\/[^/]+(?:\/\d{0,5})?$/.test(text) || !URL.canParse(text)) return false
  const { hostname, username, password } = new URL(text)
  return [hostname, username, password].every((part) => decoded(decodeURIComponent, part) !== undefined)
}

/** `undefined` for what is encoded wrongly. */
function decoded(decode: (text: string) => string, text: string): string | undefined {
  try {
    return decode(text)
  } catch {
    // A URIError, or the TypeError of a file URL that no path can be.
    return undefined
  }
}

export const environment = z.object({
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9._:-]+$/, 'must be a host name or an IP address')
    .default('127.0.0.1')
    .describe('where it listens'),
  PORT: wholeNumber(0, MAX_PORT).default(8000).describe('where it listens; 0 for any free port'),
  PUBLIC_URL: z
    .string()
    .refine(isPublicUrl, 'must be an http or https URL with a plain path, without query, fragment and user')
    .transform((url) => new URL(url).href.replace(/\/+$/, ''))
    .optional()
    .describe('the base of every URL in answers; may have a path, which the proxy strips'),
  TRUST_PROXY: z
    .string()
    .transform(readTrustProxy)
    .refine((read) => read !== undefined, 'must be off, on, or IP addresses and networks with commas between them')
    .default(false)
    .describe('`on`, or the addresses of the proxies whose `X-Forwarded-*` counts'),
  STORE_URL: z
    .string()
    .refine(
      isStoreUrl,
      'must be memory:, file: and a folder (without ?, # or a leading ~), or redis://host:port/number or rediss:// alike'
    )
    .default('memory:')
    .describe('where chats are kept: `memory:`, `file:<folder>`, `redis://…` or `rediss://…`'),
  RATE_LIMIT: z
    .enum(['on', 'off'], 'must be on or off')
    .default('on')
    .describe('`off` for tests and behind a gateway that limits'),
  CORS_ORIGIN: z
    .string()
    .transform(readOrigins)
    .refine((read) => read !== undefined, 'must be *, or origins like https://example.org with commas between them')
    .default('*')
    .describe('origins whose pages may call the API (no cookies are used)'),
  METRICS_ADDRESS: z
    .string()
    .transform(readAddress)
    .refine((read) => read !== undefined, 'must be off, or a host and a port like 127.0.0.1:9100')
    .default(false)
    .describe('`host:port` of its own on which `/metrics` answers for Prometheus, or `off`'),
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be trace, debug, info, warn, error, fatal or silent'
    )
    .default('info')
    .describe("pino's levels, or `silent`"),
  HEARTBEAT_SECONDS: wholeNumber(1, 3600).default(15).describe('comment interval on streams'),
  MAX_STREAM_BUFFER_BYTES: limit().default(1_048_576).describe('how far a reader may fall behind'),
  MAX_STREAMS: limit().default(50_000).describe('open streams and waits in this process; then 503 with `Retry-After`'),
  MAX_CHAT_BYTES: limit().default(8_388_608).describe('messages of one chat; then 409. Join events do not count'),
  MAX_STORE_BYTES: limit()
    .default(1_073_741_824)
    .describe('memory store only: all chats together; then 503 with `Retry-After` for new chats and messages'),
  CHAT_TTL_SECONDS: wholeNumber(0, MAX_TTL_SECONDS)
    .default(2_592_000)
    .describe(
      'a chat with no new event for so long is closed; one that never had an event, after a day at the latest; 0 for never'
    )
})

export type Setting = keyof typeof environment.shape

export type Settings = z.output<typeof environment>

/** The flag that stands for a variable: `--public-url` for PUBLIC_URL. */
export function flagOf(variable: string): string {
  return variable === 'STORE_URL' ? '--store' : `--${variable.toLowerCase().replaceAll('_', '-')}`
}

type Values = Readonly<Record<string, string | undefined>>

/** How a setting was given: by its flag or by its variable. */
export function givenName(setting: string, flags: Values): string {
  return Object.hasOwn(flags, setting) ? flagOf(setting) : setting
}

/**
 * An empty variable counts as none; a flag wins over its variable, by whose name it is found here.
 * @throws Error with a sentence for each flag and variable that has a wrong value
 */
export function loadSettings(env: Values, flags: Values = {}): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const values: Values = { ...given, ...flags }
  const read = environment.safeParse(values)
  const wrong = new Map<string, string>()
  for (const setting of Object.keys(environment.shape)) {
    if (!isClean(values[setting] ?? '')) wrong.set(setting, UNCLEAN)
  }
  for (const { path, message } of read.error?.issues ?? []) {
    const setting = path.join('.')
    if (!wrong.has(setting)) wrong.set(setting, message)
  }
  if (read.success && wrong.size === 0) return read.data
  throw new Error([...wrong].map(([setting, message]) => `${givenName(setting, flags)} ${message}.`).join('\n'))
}

const UNCLEAN =
  'must be without white space at its ends and without invisible characters, as the carriage returns of a .env file from Windows'
