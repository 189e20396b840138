/** Imports point one way, and what must stand in one place does. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const SRC = fileURLToPath(new URL('../src', import.meta.url))
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const source = (file: string) => readFileSync(join(SRC, file), 'utf8')
/** The program alone: without comments, texts and imports. */
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

/** What files of a folder may import from `src`: folders end in a slash; `type:` for types alone. */
const ALLOWED: Record<string, string[]> = {
  'ids.ts': [],
  'json.ts': [],
  'names.ts': [],
  'unreserved.ts': [],
  'problems.ts': ['json.ts'],
  'settings.ts': [],
  'command-line.ts': ['settings.ts'],
  'version.ts': [],
  'chat/': ['chat/', 'type:ids.ts'],
  'store/': ['store/', 'ids.ts', 'json.ts', 'type:chat/'],
  'streams/': ['streams/', 'ids.ts', 'json.ts', 'views.ts', 'chat/', 'store/store.ts', 'type:store/', 'type:urls.ts'],
  'schemas/': ['schemas/', 'ids.ts', 'names.ts', 'urls.ts', 'problems.ts'],
  'service.ts': ['chat/', 'door-figures.ts', 'ids.ts', 'problems.ts', 'type:store/'],
  'door-figures.ts': ['chat/'],
  'views.ts': ['urls.ts', 'chat/', 'type:ids.ts', 'type:schemas/'],
  'urls.ts': ['ids.ts', 'unreserved.ts'],
  'docs/': [],
  'web/': ['web/', 'client/', 'names.ts', 'unreserved.ts', 'type:schemas/'],
  'client/': ['client/', 'type:schemas/', 'type:problems.ts'],
  'plugins/': [
    'plugins/',
    'problems.ts',
    'ids.ts',
    'json.ts',
    'unreserved.ts',
    'schemas/',
    'store/store.ts',
    'type:door-figures.ts',
    'type:settings.ts',
    'type:streams/',
    'type:urls.ts'
  ],
  'routes/': [
    'plugins/',
    'schemas/',
    'ids.ts',
    'json.ts',
    'problems.ts',
    'service.ts',
    'store/store.ts',
    'urls.ts',
    'views.ts',
    'chat/',
    'type:streams/'
  ]
}

function isAllowed({ from, typesOnly }: Import, allowed: string[]): boolean {
  return allowed.some((entry) => {
    const [, forTypes, path = ''] = /^(type:)?(.*)$/.exec(entry) ?? []
    return (typesOnly || forTypes === undefined) && (path.endsWith('/') ? from.startsWith(path) : from === path)
  })
}

describe('imports', () => {
  it('are found at all', () => {
    expect(imports.length).toBeGreaterThan(100)
  })

  it('have a rule for every file but those that put all together', () => {
    const free = files.filter((file) => !Object.keys(ALLOWED).some((place) => file.startsWith(place)))
    expect(free.sort()).toEqual(['app.ts', 'commands.ts', 'main.ts'])
  })

  it.each(Object.keys(ALLOWED))('of %s point one way', (place) => {
    const own = imports.filter(({ file, from }) => file.startsWith(place) && from.endsWith('.ts'))
    expect(own.filter((one) => !isAllowed(one, ALLOWED[place] ?? []))).toEqual([])
  })

  it('of the rules and the store are of nothing but the language: no HTTP, no framework', () => {
    const outside = imports.filter(({ file, from }) => /^(chat|store)\//.test(file) && !from.endsWith('.ts'))
    expect(outside.filter(({ file }) => !/^store\/(file|redis)\//.test(file))).toEqual([
      { file: 'store/open.ts', from: 'node:url', typesOnly: false }
    ])
    expect(outside.map(({ from }) => from).filter((from) => /http|fastify|zod/.test(from))).toEqual([])
  })
})

describe('the rules of the door', () => {
  it('have no clock, no chance and no promise', () => {
    for (const file of files.filter((name) => name.startsWith('chat/'))) {
      expect(source(file)).not.toMatch(/Date\.|Math\.random|process\.|async |await |Promise/)
    }
  })
})

it('process is read in main.ts alone', () => {
  const readers = files.filter((file) => /(?<![.\w])process\./.test(program(file)))
  expect(readers).toEqual(['main.ts'])
})

it('JSON that is sent is made in json.ts, which escapes what some readers take for a line break', () => {
  const writers = files.filter((file) => program(file).includes('JSON.stringify') && !/^(web|client)\//.test(file))
  // Doors and join events as they are kept, and commands to Redis: none of that is sent.
  const kept = ['store/door-json.ts', 'store/file/records.ts', 'store/redis/redis-store.ts']
  expect(writers.sort()).toEqual(['json.ts', ...kept].sort())
})

it('casts stand where something is parsed, and nothing is any', () => {
  const casts = files.filter((file) => / as (?!const\b)\w/.test(program(file)))
  expect(casts).toEqual(['ids.ts'])
  for (const file of files) {
    expect(program(file)).not.toMatch(/: any\b|as any\b|<any>/)
    expect(source(file)).not.toContain('@ts-')
  }
})

describe('the insides of packages', () => {
  /** Whose insides the code relies on, and where; beside each use stands why. */
  const RELIED_ON = { lmdb: 'store/file/folder.ts', redis: 'store/redis/server.ts' }
  const read = (file: string) => JSON.parse(readFileSync(join(SRC, '..', file), 'utf8'))

  it.each(Object.entries(RELIED_ON))('%s is pinned, since %s reads them', (name, file) => {
    expect(read('package.json').dependencies[name]).toMatch(/^\d+\.\d+\.\d+$/)
    expect(read('package-lock.json').packages[''].dependencies[name]).toBe(read('package.json').dependencies[name])
    expect(source(file)).toMatch(/pin/)
  })

  it('are read nowhere else', () => {
    const readers = files.filter((file) => /(?<!this)\??\._\w/.test(program(file)))
    expect(readers).toEqual([RELIED_ON.redis])
  })
})
