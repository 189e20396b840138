/** The command line: a flag for every variable of `settings.ts`, and the commands. */
import { Command, CommanderError, Option } from 'commander'
import { environment, flagOf, loadSettings } from './settings.ts'

export type CommandLine =
  | { readonly kind: 'serve'; readonly flags: Flags }
  | { readonly kind: 'backup' | 'restore'; readonly folder: string; readonly flags: Flags }
  | { readonly kind: 'check'; readonly flags: Flags }
  /** Help or version to print. */
  | { readonly kind: 'text'; readonly text: string }

/** Values by the name of their variable. */
type Flags = Readonly<Record<string, string>>

const COMMANDS = [
  ['backup', 'copy the chats of --store into a new folder, even while a server is using them'],
  ['restore', 'create the store named by --store (must not exist) from a backup folder']
] as const

/** @throws Error whose message is for the user */
export function readCommandLine(args: readonly string[], version: string): CommandLine {
  const flags: Record<string, string> = {}
  let parsed: CommandLine = { kind: 'serve', flags }
  let out = ''
  let err = ''
  const program = new Command('silly-chat')
    .description('Run the chat server.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => (out += text), writeErr: (text) => (err += text) })
    .showHelpAfterError('See silly-chat --help.')
    .addHelpText(
      'after',
      '\nEach option can also be set by the environment variable in brackets. The option takes precedence.'
    )
    .helpCommand(true)
    // Otherwise commander reports an unknown command as "too many arguments".
    .allowExcessArguments()
    .action((_options, { args: [command] }: Command) => {
      if (command !== undefined) program.error(`error: unknown command '${command}'`)
    })
  const defaults: Record<string, unknown> = loadSettings({})
  for (const [variable, { description = '' }] of Object.entries(environment.shape)) {
    const option = new Option(`${flagOf(variable)} <value>`, `${description.replaceAll('`', '')} [${variable}]`)
    const value = defaults[variable]
    if (value !== undefined) option.default(value, formatDefault(value))
    program.addOption(option.argParser((given) => (flags[variable] = given)))
  }
  for (const [kind, description] of COMMANDS) {
    program
      .command(kind)
      .allowExcessArguments(false)
      .description(description)
      .argument('<folder>')
      .action((folder: string) => {
        parsed = { kind, folder, flags }
      })
  }
  program
    .command('check')
    .allowExcessArguments(false)
    .description('read all chats of --store and report damaged ones, even while a server is using them')
    .action(() => {
      parsed = { kind: 'check', flags }
    })
  try {
    program.parse(args, { from: 'user' })
    return parsed
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { kind: 'text', text: out }
    throw new Error(err)
  }
}

/** A value as it is written on the command line. */
function formatDefault(setting: unknown): string {
  if (typeof setting === 'boolean') return setting ? 'on' : 'off'
  return String(setting)
}
