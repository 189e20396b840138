import { describe, expect, it } from 'vitest'
import { readCommandLine } from '../../src/cli/arguments.ts'
import { environment, flagOf, loadSettings } from '../../src/cli/settings.ts'

const read = (...args: string[]) => readCommandLine(args, '1.2.3')

function help(): string {
  const line = read('--help')
  return line.kind === 'text' ? line.text.replaceAll(/\s+/g, ' ') : ''
}

describe('the command line', () => {
  it('serves by default', () => {
    expect(read()).toEqual({ kind: 'serve', flags: {} })
  })

  it('returns flags under the names of their variables', () => {
    const line = read(
      '--port',
      '9000',
      '--store=file:./data',
      '--public-url',
      'https://example.org',
      '--trust-proxy=on'
    )
    const flags = {
      PORT: '9000',
      STORE_URL: 'file:./data',
      PUBLIC_URL: 'https://example.org',
      TRUST_PROXY: 'on'
    }
    expect(line).toEqual({ kind: 'serve', flags })
  })

  it.each(Object.keys(environment.shape))('has a flag for %s', (variable) => {
    expect(read(flagOf(variable), 'a value')).toEqual({ kind: 'serve', flags: { [variable]: 'a value' } })
  })

  it.each(['backup', 'restore'])('accepts %s, with flags before and after it', (kind) => {
    const line = { kind, folder: './copy', flags: { STORE_URL: 'file:./data' } }
    expect(read(kind, './copy', '--store', 'file:./data')).toEqual(line)
    expect(read('--store', 'file:./data', kind, './copy')).toEqual(line)
  })

  it('accepts check, which has no argument', () => {
    const line = { kind: 'check', flags: { STORE_URL: 'file:./data' } }
    expect(read('check', '--store', 'file:./data')).toEqual(line)
    expect(read('--store', 'file:./data', 'check')).toEqual(line)
  })

  it('prints its version', () => {
    expect(read('--version')).toEqual({ kind: 'text', text: '1.2.3\n' })
  })

  it('explains every flag, with its variable, its meaning and a valid default', () => {
    const text = help()
    const defaults: Record<string, unknown> = loadSettings({})
    for (const [variable, { description = '' }] of Object.entries(environment.shape)) {
      const told = `${flagOf(variable)} <value> ${description.replaceAll('`', '')} [${variable}]`
      expect(text).toContain(told)
      const shown = /^ \(default: (.*?)\) /.exec(text.slice(text.indexOf(told) + told.length))?.[1]
      const taken: Record<string, unknown> = loadSettings(shown === undefined ? {} : { [variable]: shown })
      expect(taken[variable]).toEqual(defaults[variable])
      expect(shown === undefined, variable).toBe(defaults[variable] === undefined)
    }
    expect(text).toContain(' (default: memory:) ')
  })

  it('explains its commands', () => {
    expect(help()).toMatch(/backup <folder> copy .*restore <folder> create .*check read /)
    expect(read('help')).toEqual(read('--help'))
    expect(read('backup', '--help')).toMatchObject({
      text: expect.stringContaining('silly-chat backup [options] <folder>')
    })
  })

  it.each([
    [['--prot', '1'], "unknown option '--prot'\n(Did you mean --port?)"],
    [['serve'], "unknown command 'serve'"],
    [['--port', '1', 'serve'], "unknown command 'serve'"],
    [['--port'], "option '--port <value>' argument missing"],
    [['backup'], "missing required argument 'folder'"],
    [['backup', 'a', 'b'], "too many arguments for 'backup'. Expected 1 argument but got 2."],
    [['check', 'a'], "too many arguments for 'check'. Expected 0 arguments but got 1."],
    [['restore', 'a', '--from', 'b'], "unknown option '--from'"]
  ])('%j is refused in a sentence', (args, says) => {
    expect(() => read(...args)).toThrow(`error: ${says}\nSee silly-chat --help.\n`)
  })
})
