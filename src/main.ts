#!/usr/bin/env node
/** The process: settings, start, signals and exit code. No other file reads `process`. */
import { totalmem } from 'node:os'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { emptyTtlOf } from './chat/service.ts'
import type { CommandLine } from './cli/arguments.ts'
import { flagOrVariable, isSet, loadSettings, type Settings } from './cli/settings.ts'
import { readVersion } from './cli/version.ts'
import { buildApp } from './http/app.ts'
import { listenAt, SettingRefused } from './http/server/listen.ts'
import { openStore } from './store/open.ts'

/** Backstop for the deadline in `http/server/shutdown.ts`: after this the process exits with code 1. */
const FORCED_EXIT_MS = 10_000

let app: FastifyInstance | undefined
const line = await readArguments().catch(exitWith)
if (line.kind === 'text') {
  process.stdout.write(line.text)
  process.exit()
}
const settings = settingsOrExit(line.flags)
if (line.kind === 'check') {
  const { runCheck } = await import('./cli/check.ts')
  const { text, isSound } = await runCheck(settings.STORE_URL).catch(exitWith)
  process.stdout.write(text)
  process.exit(isSound ? 0 : 1)
}
if (line.kind !== 'serve') {
  const { runCommand } = await import('./cli/backup.ts')
  process.stdout.write(await runCommand(line.kind, line.folder, settings.STORE_URL).catch(exitWith))
  process.exit()
}
const { flags } = line
const chatTtlMs = settings.CHAT_TTL_SECONDS * 1000
/** What the store has found at its start, before there is a log. */
const earlyWarnings: string[] = []
const store = await openStore(settings.STORE_URL, {
  maxChatBytes: settings.MAX_CHAT_BYTES,
  maxStoreBytes: settings.MAX_STORE_BYTES,
  // Its default is about memory.
  maxDiskBytes: isSet('MAX_STORE_BYTES', process.env, flags) ? settings.MAX_STORE_BYTES : undefined,
  chatTtlMs,
  emptyChatTtlMs: emptyTtlOf(chatTtlMs),
  onLost: (err) => app?.log.error({ err }, 'the store cannot be reached'),
  onBack: () => app?.log.info('the store can be reached again'),
  eviction: settings.REDIS_EVICTION,
  onWarning: (sentence) => (app === undefined ? earlyWarnings.push(sentence) : app.log.warn(sentence)),
  onFault: (err) => app?.log.error({ err }, 'background work of the store failed and is retried'),
  // Only a new process can continue with what is on the disk.
  onBroken: ({ cause }) => exitWith(new Error(`Silly Chat is stopping: the disk failed (${describe(cause)})`))
}).catch((error: unknown) => exitWith(`${flagOrVariable('STORE_URL', flags)}: ${describe(error)}`))
app = await buildApp({ settings, store, now: Date.now, version: readVersion(), memoryShare }).catch(refuseStart)
for (const sentence of earlyWarnings) app.log.warn(sentence)

closeWithGrace({ delay: FORCED_EXIT_MS, logger: app.log }, async ({ err }) => {
  if (err) app.log.fatal({ err }, 'stopping after an unexpected error')
  await app.close()
  await store.close()
})

const address = { host: settings.HOST, port: settings.PORT }
await listenAt(address, { host: 'HOST', port: 'PORT' }, async (found) => {
  const url = await app.listen(found)
  process.stdout.write(`${startLine(url, found.host)}\n`)
}).catch(refuseStart)

/** Of the limit of the process' control group, or of the machine's memory if that is less. */
function memoryShare(): number {
  const limit = process.constrainedMemory()
  try {
    return process.memoryUsage.rss() / (limit > 0 ? Math.min(limit, totalmem()) : totalmem())
  } catch {
    // EMFILE: it is read from a file, and there is no descriptor left.
    return 0
  }
}

/** For HOST=0.0.0.0 or ::, `url` is a local address that can be opened, so the line also says who else can connect. */
function startLine(url: string, boundTo: string): string {
  const isPublic = ['0.0.0.0', '::'].includes(boundTo)
  const reach = isPublic ? ` Other machines can reach it too (HOST=${settings.HOST}).` : ''
  return `Silly Chat listens on ${url}.${reach} Try ${settings.PUBLIC_URL ?? url}/docs`
}

async function readArguments(): Promise<CommandLine> {
  const [, , ...args] = process.argv
  if (args.length === 0) return { kind: 'serve', flags: {} }
  // Imported lazily to keep the cold start short.
  const { readCommandLine } = await import('./cli/arguments.ts')
  return readCommandLine(args, readVersion())
}

function settingsOrExit(flags: Readonly<Record<string, string>>): Settings {
  try {
    return loadSettings(process.env, flags)
  } catch (error) {
    return exitWith(error)
  }
}

function refuseStart(error: unknown): never {
  if (!(error instanceof SettingRefused)) return exitWith(`Silly Chat cannot start: ${describe(error)}`)
  const name = flagOrVariable(error.setting, line.kind === 'text' ? {} : line.flags)
  return exitWith(`${name} ${describe(error)}.`)
}

function exitWith(error: unknown): never {
  process.stderr.write(`${describe(error).trimEnd()}\n`)
  process.exit(1)
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
