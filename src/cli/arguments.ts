/** The command line: a flag for every variable of `settings.ts`, and what the program can do besides serving. */
import { Command, CommanderError, Option } from 'commander'
import { environment, flagOf, loadSettings } from './settings.ts'

export type CommandLine =
  | { readonly kind: 'serve'; readonly flags: Flags }
  | { readonly kind: 'backup' | 'restore'; readonly folder: string; readonly flags: Flags }
  /** Nothing to do but to print it. */
  | { readonly kind: 'text'; readonly text: string }

/** Values by the variables that they stand for. */
type Flags = Readonly<Record<string, string>>

const COMMANDS = [
  ['backup', 'copies the chats of --store into a new folder, also while they are served'],
  ['restore', 'makes the store of --store, which must not exist yet, from such a copy']
] as const

/** @throws Error with a sentence if there is no such flag or command */
export function readCommandLine(args: readonly string[], version: string): CommandLine {
  const flags: Record<string, string> = {}
  let read: CommandLine = { kind: 'serve', flags }
  let out = ''
  let err = ''
  const program = new Command('silly-chat')
    .description('Serves chats.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => (out += text), writeErr: (text) => (err += text) })
    .showHelpAfterError('See silly-chat --help.')
    .addHelpText('after', '\nA flag wins over its variable, which is named in brackets.')
    .helpCommand(true)
    // Otherwise an unknown command is "too many arguments".
    .allowExcessArguments()
    .action((_options, { args: [command] }: Command) => {
      if (command !== undefined) program.error(`error: unknown command '${command}'`)
    })
  const defaults: Record<string, unknown> = loadSettings({})
  for (const [variable, { description = '' }] of Object.entries(environment.shape)) {
    const option = new Option(`${flagOf(variable)} <value>`, `${description.replaceAll('`', '')} [${variable}]`)
    const value = defaults[variable]
    if (value !== undefined) option.default(value, asGiven(value))
    program.addOption(option.argParser((given) => (flags[variable] = given)))
  }
  for (const [kind, description] of COMMANDS) {
    program
      .command(kind)
      .allowExcessArguments(false)
      .description(description)
      .argument('<folder>')
      .action((folder: string) => {
        read = { kind, folder, flags }
      })
  }
  try {
    program.parse(args, { from: 'user' })
    return read
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { kind: 'text', text: out }
    throw new Error(err)
  }
}

/** How a setting is spelled. */
function asGiven(setting: unknown): string {
  if (typeof setting === 'boolean') return setting ? 'on' : 'off'
  return String(setting)
}
