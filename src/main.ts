#!/usr/bin/env node
/** The process: settings in, a listening server, signals, an exit code. Nothing else reads `process`. */
import { lookup } from 'node:dns/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { buildApp } from './app.ts'
import type { CommandLine } from './command-line.ts'
import { emptyTtlOf } from './service.ts'
import { loadSettings, type Settings } from './settings.ts'
import { openStore } from './store/open.ts'
import { readVersion } from './version.ts'

/** Closing has a deadline of its own (`plugins/shutdown.ts`); if even that fails, the process ends with code 1. */
const FORCED_EXIT_MS = 10_000

let app: FastifyInstance | undefined
const line = await readArguments().catch(exitWith)
if (line.kind === 'text') {
  process.stdout.write(line.text)
  process.exit()
}
const settings = settingsOrExit(line.flags)
if (line.kind !== 'serve') {
  const { runCommand } = await import('./commands.ts')
  process.stdout.write(await runCommand(line.kind, line.folder, settings.STORE_URL).catch(exitWith))
  process.exit()
}
const chatTtlMs = settings.CHAT_TTL_SECONDS * 1000
const store = await openStore(settings.STORE_URL, {
  maxChatBytes: settings.MAX_CHAT_BYTES,
  maxStoreBytes: settings.MAX_STORE_BYTES,
  chatTtlMs,
  emptyChatTtlMs: emptyTtlOf(chatTtlMs),
  onLost: (err) => app?.log.error({ err }, 'the store cannot be reached'),
  onBack: () => app?.log.info('the store is there again'),
  // Only a new process can go on from what is on the disk.
  onBroken: ({ cause }) => exitWith(new Error(`Silly Chat stops, since its disk has failed: ${describe(cause)}`))
}).catch(exitWith)
app = await buildApp({ settings, store, now: Date.now, version: readVersion() })

closeWithGrace({ delay: FORCED_EXIT_MS, logger: app.log }, async ({ err }) => {
  if (err) app.log.fatal({ err }, 'stopping after a fault')
  await app.close()
  await store.close()
})

try {
  // Fastify would listen on every address of "localhost", with servers of its own that know no orderly end.
  const { address: host } = await lookup(settings.HOST)
  const address = await app.listen({ host, port: settings.PORT })
  const shown = settings.PUBLIC_URL ?? address
  process.stdout.write(`Silly Chat listens on ${address}. Try ${shown}/docs\n`)
} catch (error) {
  process.stderr.write(`Silly Chat cannot listen on ${settings.HOST}:${settings.PORT}: ${describe(error)}\n`)
  process.exit(1)
}

async function readArguments(): Promise<CommandLine> {
  const [, , ...args] = process.argv
  if (args.length === 0) return { kind: 'serve', flags: {} }
  // Loaded for who needs it.
  const { readCommandLine } = await import('./command-line.ts')
  return readCommandLine(args, readVersion())
}

function settingsOrExit(flags: Readonly<Record<string, string>>): Settings {
  try {
    return loadSettings(process.env, flags)
  } catch (error) {
    return exitWith(error)
  }
}

function exitWith(error: unknown): never {
  process.stderr.write(`${describe(error).trimEnd()}\n`)
  process.exit(1)
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
