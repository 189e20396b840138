/** The content of the package, and its use after an installation from the registry. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { createChat, post } from '../../support/api.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const packed = z.tuple([
  z.object({
    filename: z.string(),
    version: z.string(),
    size: z.int(),
    files: z.array(z.object({ path: z.string() }))
  })
])

const home = mkdtempSync(join(tmpdir(), 'silly-package-'))
const folder = join(home, 'empty')

/** Runs a program in the folder in which the package is installed, and returns its output. */
function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { cwd: folder, encoding: 'utf8' })
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}

describe('the package', () => {
  let contents: z.output<typeof packed>[0]
  let warnings: readonly string[]

  beforeAll(() => {
    // Without a build, because other tests use dist at the same time.
    const pack = ['pack', ROOT, '--ignore-scripts', '--json', '--pack-destination', home]
    mkdirSync(folder)
    contents = packed.parse(JSON.parse(run('npm', ...pack)))[0]
    // Without the prefix, npm would search for a package in the parent folders.
    const options = ['--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund', '--loglevel', 'warn']
    const install = spawnSync('npm', ['install', ...options, join(home, contents.filename)], {
      cwd: folder,
      encoding: 'utf8'
    })
    expect(install.status, install.stderr).toBe(0)
    warnings = install.stderr.split('\n').filter((line) => line.startsWith('npm warn'))
  }, 120_000)

  afterAll(() => rmSync(home, { recursive: true, force: true }), 60_000)

  it('has only the program, the deployment files, the documentation and the types of the client', () => {
    const paths = contents.files.map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'dist/main.js', 'dist/web/index.html']))
    expect(
      paths.filter(
        (path) =>
          !/^(LICENSE|README\.md|package\.json|deploy\/(nginx\/(http|server)\.conf|silly-chat\.service)|dist\/web\/licenses\.md|dist\/docs\/openapi\.(json|yaml)|dist\/.+\.(js|lua|html|css|svg|png|br|gz)|dist\/.+\.d\.ts)$/.test(
            path
          )
      )
    ).toEqual([])
    expect(contents.size).toBeLessThan(600_000)
  })

  it('installs on this version of Node without warnings, except about install scripts, which are not needed', () => {
    expect(warnings.filter((line) => !line.startsWith('npm warn install-scripts'))).toEqual([])
  })

  it('installs the same versions of pinned dependencies as the tests use', () => {
    const versionOf = (root: string, name: string) =>
      z.object({ version: z.string() }).parse(read(join(root, 'node_modules', name, 'package.json'))).version
    const { dependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(read(join(ROOT, 'package.json')))
    const pinned = Object.entries(dependencies).filter(([, version]) => /^\d/.test(version))
    expect(pinned.map(([name]) => name)).toEqual(expect.arrayContaining(['@fastify/static', 'light-my-request']))
    for (const [name, version] of pinned) {
      expect([name, versionOf(folder, name), versionOf(ROOT, name)]).toEqual([name, version, version])
    }
    // One copy, which all packages that depend on it share.
    expect(existsSync(join(folder, 'node_modules/fastify/node_modules/light-my-request'))).toBe(false)
    expect(existsSync(join(folder, 'node_modules/@fastify/swagger-ui/node_modules/@fastify/static'))).toBe(false)
  })

  it('prints its version and its help', () => {
    expect(run('npx', 'silly-chat', '--version')).toBe(`${contents.version}\n`)
    expect(run('npx', 'silly-chat', '--help')).toContain('--store <value>')
  })

  it('starts a server', async () => {
    const child = spawn('npx', ['silly-chat', '--port', '0', '--store', 'file:./data', '--log-level', 'error'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
      // npx does not forward signals, so they are sent to its process group.
      detached: true
    })
    const closed = once(child, 'close')
    const end = async () => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid)
      await closed
    }
    onTestFinished(end)
    const [output] = await once(child.stdout.setEncoding('utf8'), 'data')
    const url = /listens on (\S+)\. /.exec(output)?.[1] ?? ''
    const { chat, owner } = await createChat({ url })
    expect(await post(chat, owner, 'hello')).toBe(1)
    const page = await fetch(url, { headers: { accept: 'text/html' } })
    expect(await page.text()).toContain('<title>')
    expect((await fetch(`${url}/docs`)).status).toBe(200)
    expect(existsSync(join(folder, 'data', 'data.mdb'))).toBe(true)
    await end()
  })

  it('has a client with types', () => {
    const program = /^```ts\n(.*?)^```$/ms.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.[1] ?? ''
    expect(program).toContain("from 'silly-chat/client'")
    writeFileSync(join(folder, 'right.mts'), program)
    writeFileSync(
      join(folder, 'wrong.mts'),
      `import { createChat } from 'silly-chat/client'
const { messages } = await (await createChat('http://localhost')).read()
// @ts-expect-error: it has types
console.log(messages[0]?.nothing)
`
    )
    const strict = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023,dom']
    run(process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'), ...strict, 'wrong.mts', 'right.mts')
    expect(
      run(process.execPath, '--eval', "import('silly-chat/client').then(({ knock }) => console.log(typeof knock))")
    ).toBe('function\n')
  })
})
