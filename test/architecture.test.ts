/** Imports point one way, and some things are allowed in one place only. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const SRC = fileURLToPath(new URL('../src', import.meta.url))
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const source = (file: string) => readFileSync(join(SRC, file), 'utf8')
/** The code without comments, strings and imports. */
const program = (file: string) =>
  source(file).replaceAll(/\/\*.*?\*\/|\/\/[^\n]*|'[^'\n]*'|`[^`]*`|^import [^;]*? from/gms, '')

interface Import {
  readonly file: string
  readonly from: string
  readonly typesOnly: boolean
}

const imports: Import[] = files.flatMap((file) =>
  [...source(file).matchAll(/^import (type )?[^;]*?from '([^']+)'/gms)].map(([, type, from = '']) => ({
    file,
    from: from.startsWith('.') ? relative(SRC, join(SRC, dirname(file), from)) : from,
    typesOnly: type !== undefined
  }))
)

/** What the files of a folder can import from `src`: folders end in a slash; `type:` means types only. */
const ALLOWED: Record<string, string[]> = {
  'chat/': ['chat/'],
  'store/': ['store/', 'chat/', 'wire/json.ts'],
  'wire/': ['wire/', 'chat/'],
  'streams/': ['streams/', 'chat/', 'wire/'],
  'http/': ['http/', 'chat/', 'streams/', 'wire/', 'type:cli/settings.ts'],
  'cli/': ['cli/', 'store/'],
  'client/': ['client/', 'type:wire/'],
  'docs/': [],
  'web/': ['web/', 'client/', 'wire/names.ts', 'wire/unreserved.ts', 'type:wire/']
}

function isAllowed({ from, typesOnly }: Import, allowed: string[]): boolean {
  return allowed.some((entry) => {
    const [, forTypes, path = ''] = /^(type:)?(.*)$/.exec(entry) ?? []
    return (typesOnly || forTypes === undefined) && (path.endsWith('/') ? from.startsWith(path) : from === path)
  })
}

describe('imports', () => {
  it('are found', () => {
    expect(imports.length).toBeGreaterThan(100)
  })

  it('have a rule for every file except the entry points', () => {
    const free = files.filter((file) => !Object.keys(ALLOWED).some((place) => file.startsWith(place)))
    expect(free.sort()).toEqual(['main.ts'])
  })

  it.each(Object.keys(ALLOWED))('of %s point one way', (place) => {
    const own = imports.filter(({ file, from }) => file.startsWith(place) && from.endsWith('.ts'))
    expect(own.filter((one) => !isAllowed(one, ALLOWED[place] ?? []))).toEqual([])
  })

  it('of the rules and the store include no HTTP and no framework', () => {
    const outside = imports.filter(({ file, from }) => /^(chat|store)\//.test(file) && !from.endsWith('.ts'))
    expect(outside.filter(({ file }) => !/^store\/(file|redis)\//.test(file))).toEqual([
      { file: 'chat/ids.ts', from: 'node:crypto', typesOnly: false },
      { file: 'chat/service.ts', from: 'node:timers/promises', typesOnly: false },
      { file: 'store/open.ts', from: 'node:url', typesOnly: false }
    ])
    expect(outside.map(({ from }) => from).filter((from) => /http|fastify|zod/.test(from))).toEqual([])
  })
})

describe('the rules of the door', () => {
  it('use no clock, no randomness and no promises', () => {
    for (const file of ['chat/door.ts', 'chat/changes.ts', 'chat/events.ts']) {
      expect(source(file)).not.toMatch(/Date\.|Math\.random|process\.|async |await |Promise/)
    }
  })
})

it('process is read only in main.ts', () => {
  const readers = files.filter((file) => /(?<![.\w])process\./.test(program(file)))
  expect(readers).toEqual(['main.ts'])
})

it('JSON that is sent is made in json.ts, which escapes line breaks of all kinds', () => {
  const writers = files.filter((file) => program(file).includes('JSON.stringify') && !/^(web|client)\//.test(file))
  // Stored doors and join events, and commands to Redis, are not sent.
  const kept = ['store/codec.ts', 'store/file/records.ts', 'store/redis/redis-store.ts']
  expect(writers.sort()).toEqual([...kept, 'wire/json.ts'].sort())
})

it('casts are allowed only where something is parsed, and any is not', () => {
  const casts = files.filter((file) => / as (?!const\b)\w/.test(program(file)))
  expect(casts).toEqual(['chat/ids.ts'])
  for (const file of files) {
    expect(program(file)).not.toMatch(/: any\b|as any\b|<any>/)
    expect(source(file)).not.toContain('@ts-')
  }
})

describe('the internals of packages', () => {
  /** The packages whose internals the code uses, and where; a comment there says why. */
  const RELIED_ON = { lmdb: 'store/file/folder.ts' }
  const read = (file: string) => JSON.parse(readFileSync(join(SRC, '..', file), 'utf8'))

  it.each(Object.entries(RELIED_ON))('%s is pinned, because %s uses its internals', (name, file) => {
    expect(read('package.json').dependencies[name]).toMatch(/^\d+\.\d+\.\d+$/)
    expect(read('package-lock.json').packages[''].dependencies[name]).toBe(read('package.json').dependencies[name])
    expect(source(file)).toMatch(/pin/)
  })

  it('are used nowhere else', () => {
    const readers = files.filter((file) => /(?<!this)\??\._\w/.test(program(file)))
    expect(readers).toEqual([])
  })
})
