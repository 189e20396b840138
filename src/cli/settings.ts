/** The settings, read once at the start from flags and the environment. README.md has the same table; a test compares them. */
import { isIP, isIPv6 } from 'node:net'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const MAX_PORT = 65535
/** A thousand years. */
const MAX_TTL_SECONDS = 31_557_600_000

/** Control and formatting characters, line separators, and U+FFFD, which replaces bytes that are not UTF-8. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\uFFFD]/u

function isClean(text: string): boolean {
  return text.trim() === text && !HIDDEN.test(text)
}

function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((number) => number >= min && number <= max, message)
}

const positiveNumber = () => wholeNumber(1, Number.MAX_SAFE_INTEGER)

/** A URL of scheme, host and path only. The host must not need normalization. */
function isHttpUrl(text: string): boolean {
  return (
    /^https?:\/\/[^\s?#@\\]+$/i.test(text) &&
    URL.canParse(text) &&
    /^(?:[a-z\d._-]+|\[[\d:a-f]+\])$/.test(new URL(text).hostname)
  )
}

/** The path is inserted into HTML, the OpenAPI document and every response, so it must contain no special characters. */
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

/** `host:port`; an IPv6 address is in brackets. */
function readAddress(text: string): false | { host: string; port: number } | undefined {
  if (text === 'off') return false
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) > MAX_PORT) return undefined
  return bracketed !== undefined && !isIPv6(bracketed) ? undefined : { host, port: Number(port) }
}

/** Strict, because a URL that a store reads differently than intended opens a new, empty store. */
function isStoreUrl(text: string): boolean {
  if (text === 'memory:') return true
  if (/[?#]/.test(text)) return false
  return text.startsWith('file:') ? isFolder(text) : isRedis(text)
}

/** A file URL, or `file:` and a path. A leading `~` is refused: only shells expand it. */
function isFolder(text: string): boolean {
  if (!text.startsWith('file://')) return /^file:[^~]/.test(text)
  return /^file:\/\/\/./.test(text) && URL.canParse(text) && HIDDEN.exec(decoded(fileURLToPath, text) ?? '\0') === null
}

/** The path can be the number of a database. */
function isRedis(text: string): boolean {
  if (!/^rediss?:\/\/[^/]+(?:\/\d{0,5})?$/.test(text) || !URL.canParse(text)) return false
  const { hostname, username, password } = new URL(text)
  return [hostname, username, password].every((part) => decoded(decodeURIComponent, part) !== undefined)
}

/** `undefined` if the percent-encoding is malformed. */
function decoded(decode: (text: string) => string, text: string): string | undefined {
  try {
    return decode(text)
  } catch {
    // A URIError, or a TypeError for a file URL that is not a valid path.
    return undefined
  }
}

export const environment = z.object({
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9._:-]+$/, 'must be a host name or an IP address')
    .default('127.0.0.1')
    .describe('host name or IP address to listen on'),
  PORT: wholeNumber(0, MAX_PORT).default(8000).describe('port to listen on; 0 for any free port'),
  PUBLIC_URL: z
    .string()
    .refine(isPublicUrl, 'must be an http or https URL with a plain path, without query, fragment or user name')
    .transform((url) => new URL(url).href.replace(/\/+$/, ''))
    .optional()
    .describe('base of all URLs in responses; can include a path, which the proxy must strip'),
  TRUST_PROXY: z
    .string()
    .transform(readTrustProxy)
    .refine((read) => read !== undefined, 'must be off, on, or IP addresses and networks separated by commas')
    .default(false)
    .describe('`on`, or the addresses of the proxies whose `X-Forwarded-*` headers are trusted'),
  STORE_URL: z
    .string()
    .refine(
      isStoreUrl,
      'must be memory:, file:<folder> (without ?, # or a leading ~), redis://host:port/number or rediss://host:port/number'
    )
    .default('memory:')
    .describe('where chats are stored: `memory:`, `file:<folder>`, `redis://…` or `rediss://…`'),
  REDIS_EVICTION: z
    .enum(['refuse', 'warn'], 'must be refuse or warn')
    .default('refuse')
    .describe(
      'Redis only: what to do if its `maxmemory-policy` is not `noeviction`, so that it deletes chats when it is full'
    ),
  RATE_LIMIT: z
    .enum(['on', 'off'], 'must be on or off')
    .default('on')
    .describe('`off` for tests, or behind a gateway that limits requests'),
  CORS_ORIGIN: z
    .string()
    .transform(readOrigins)
    .refine((read) => read !== undefined, 'must be *, or origins like https://example.org separated by commas')
    .default('*')
    .describe('origins whose pages can call the API (it uses no cookies)'),
  METRICS_ADDRESS: z
    .string()
    .transform(readAddress)
    .refine((read) => read !== undefined, 'must be off, or a host and a port like 127.0.0.1:9100')
    .default(false)
    .describe('separate `host:port` that serves `/metrics` for Prometheus, or `off`'),
  LOG_LEVEL: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be trace, debug, info, warn, error, fatal or silent'
    )
    .default('info')
    .describe('a log level of pino, or `silent`'),
  HEARTBEAT_SECONDS: wholeNumber(1, 3600).default(15).describe('interval of the heartbeat comments on streams'),
  MAX_STREAM_BUFFER_BYTES: positiveNumber()
    .default(1_048_576)
    .describe('how far a stream reader can fall behind before it is disconnected'),
  MAX_STREAMS: positiveNumber()
    .default(50_000)
    .describe('open streams and waiting requests in this process; beyond that 503 with `Retry-After`'),
  MAX_CHAT_BYTES: positiveNumber()
    .default(8_388_608)
    .describe('all messages of one chat; beyond that 409. Join events do not count'),
  MAX_STORE_BYTES: positiveNumber()
    .default(1_073_741_824)
    .describe(
      'all chats together in memory, or in a file store if it is set; beyond that 503 with `Retry-After` for everything new. Not for Redis'
    ),
  CHAT_TTL_SECONDS: wholeNumber(0, MAX_TTL_SECONDS)
    .default(2_592_000)
    .describe(
      'a chat without a new event for this long is closed; one that never had an event, after a day at the latest; 0 for never'
    )
})

export type Setting = keyof typeof environment.shape

export type Settings = z.output<typeof environment>

/** The flag of a variable: `--public-url` for PUBLIC_URL. */
export function flagOf(variable: string): string {
  return variable === 'STORE_URL' ? '--store' : `--${variable.toLowerCase().replaceAll('_', '-')}`
}

type Values = Readonly<Record<string, string | undefined>>

/** The name of a setting as the user gave it: its flag or its variable. */
export function flagOrVariable(setting: string, flags: Values): string {
  return Object.hasOwn(flags, setting) ? flagOf(setting) : setting
}

/** Whether the user has set it, rather than left it at its default. An empty variable counts as unset. */
export function isSet(setting: Setting, env: Values, flags: Values): boolean {
  return Object.hasOwn(flags, setting) || (env[setting] ?? '') !== ''
}

/**
 * An empty variable counts as unset. `flags` are by the names of their variables, and take precedence.
 * @throws Error with one line for each flag or variable that has an invalid value
 */
export function loadSettings(env: Values, flags: Values = {}): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const values: Values = { ...given, ...flags }
  const parsed = environment.safeParse(values)
  const errors = new Map<string, string>()
  for (const setting of Object.keys(environment.shape)) {
    if (!isClean(values[setting] ?? '')) errors.set(setting, UNCLEAN)
  }
  for (const { path, message } of parsed.error?.issues ?? []) {
    const setting = path.join('.')
    if (!errors.has(setting)) errors.set(setting, message)
  }
  if (parsed.success && errors.size === 0) return parsed.data
  throw new Error([...errors].map(([setting, message]) => `${flagOrVariable(setting, flags)} ${message}.`).join('\n'))
}

const UNCLEAN =
  'must not start or end with white space or contain invisible characters, such as the carriage returns of a .env file from Windows'
