/** The settings: read from flags and the environment once, at the start. README.md shows this table; a test compares them. */
import { isIP } from 'node:net'
import { z } from 'zod'

const MAX_PORT = 65535
/** A thousand years. */
const MAX_TTL_SECONDS = 31_557_600_000

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
  return /^https?:\/\/[^\s?#@\\]+$/i.test(text) && URL.canParse(text)
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
  return host === undefined || Number(port) > MAX_PORT ? undefined : { host, port: Number(port) }
}

function isStoreUrl(text: string): boolean {
  if (text.startsWith('file://')) return /^file:\/\/\/./.test(text) && URL.canParse(text)
  if (/^rediss?:/.test(text)) return /^rediss?:\/\/[^/?#]/.test(text) && URL.canParse(text)
  return text === 'memory:' || /^file:./.test(text)
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
    .refine(isHttpUrl, 'must be an http or https URL without query, fragment and user')
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
    .refine(isStoreUrl, 'must be memory:, file: with a folder behind it, or a redis:// or rediss:// URL')
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

export type Settings = z.output<typeof environment>

/** The flag that stands for a variable: `--public-url` for PUBLIC_URL. */
export function flagOf(variable: string): string {
  return variable === 'STORE_URL' ? '--store' : `--${variable.toLowerCase().replaceAll('_', '-')}`
}

type Values = Readonly<Record<string, string | undefined>>

/**
 * An empty variable counts as none; a flag wins over its variable, by whose name it is found here.
 * @throws Error with a sentence for each flag and variable that has a wrong value
 */
export function loadSettings(env: Values, flags: Values = {}): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const read = environment.safeParse({ ...given, ...flags })
  if (read.success) return read.data
  const nameOf = (variable: string) => (Object.hasOwn(flags, variable) ? flagOf(variable) : variable)
  throw new Error(read.error.issues.map(({ path, message }) => `${nameOf(path.join('.'))} ${message}.`).join('\n'))
}
