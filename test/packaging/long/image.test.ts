/** Runs the steps of `deploy/Dockerfile` without containers, and its entry point as process 1. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { createChat, post } from '../../support/api.ts'
import { freePort } from '../../support/ports.ts'
import { isRoot } from '../../support/real-parts.ts'
import { openStream } from '../../support/streams.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const DOCKERFILE = readFileSync(join(ROOT, 'deploy/Dockerfile'), 'utf8')
const stages = DOCKERFILE.split(/^FROM .*\n/m).slice(1)
const [build = '', dependencies = '', image = ''] = stages

/** The arguments of each instruction with this name. */
const argumentsOf = (stage: string, instruction: string) =>
  [...stage.matchAll(new RegExp(`^${instruction} (.*)$`, 'gm'))].map(([, rest = '']) => rest)
const list = (text = '') => z.array(z.string()).min(2).parse(JSON.parse(text))

describe('the image', () => {
  it('is built from existing files that .dockerignore includes', () => {
    const sources = stages
      .flatMap((stage) => argumentsOf(stage, 'COPY'))
      .filter((copied) => !copied.startsWith('--from='))
      .flatMap((copied) => copied.split(' ').slice(0, -1))
    const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8').trimEnd().split('\n')
    expect(new Set(ignored)).toEqual(new Set(['*', ...sources.map((source) => `!${source}`)]))
    expect(ignored[0]).toBe('*')
    for (const source of sources) expect(existsSync(join(ROOT, source)), source).toBe(true)
    // The build stage runs the same commands as CI.
    expect(argumentsOf(build, 'RUN')).toEqual(['npm ci --ignore-scripts', 'npm run build'])
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(
      readFileSync(join(ROOT, 'package.json'), 'utf8')
    )
    expect(scripts).toHaveProperty('build')
  })

  it('uses a fully specified version of Node, and has labels', () => {
    const [, node = ''] = /^ARG NODE=(\S+)$/m.exec(DOCKERFILE) ?? []
    expect(node).toMatch(/^24\.\d+\.\d+-[a-z]+-slim$/)
    const images = [...DOCKERFILE.matchAll(/^FROM (\S+)/gm)].map(([, from]) => from)
    expect(images).toEqual(Array(3).fill(`node:\${NODE}`))
    const labels = Object.fromEntries(
      [...image.matchAll(/org\.opencontainers\.image\.([a-z.]+)="(.*?)"/g)].map(([, name, text]) => [name, text])
    )
    const { version, description, license } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    expect(labels).toMatchObject({ title: 'Silly Chat', version, description, licenses: license })
  })

  it.skipIf(!isRoot('unshare'))(
    'starts with production dependencies only, is healthy, and stops on SIGTERM as process 1',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'silly-image-'))
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }), 60_000)
      for (const file of ['package.json', 'package-lock.json', 'LICENSE']) cpSync(join(ROOT, file), join(folder, file))
      const [install = ''] = argumentsOf(dependencies, 'RUN')
      expect(install).toBe('npm ci --omit=dev --ignore-scripts')
      const [npm = '', ...args] = install.split(' ')
      execFileSync(npm, [...args, '--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund'], { cwd: folder })
      expect(readdirSync(join(folder, 'node_modules'))).not.toContain('typescript')
      cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true })

      const port = await freePort()
      const settings = argumentsOf(image, 'ENV').flatMap((line) => line.split(' ').map((one) => one.split('=')))
      const env = {
        PATH: process.env['PATH'] ?? '',
        ...Object.fromEntries(settings),
        PORT: `${port}`,
        LOG_LEVEL: 'error',
        STORE_URL: `file:${folder}/chats`
      }
      expect(env).toMatchObject({ NODE_ENV: 'production', HOST: '0.0.0.0' })
      const [health = ''] = argumentsOf(image, 'HEALTHCHECK')
      const [node = '', ...check] = list(health.slice(health.indexOf('CMD ') + 4))
      const isHealthy = async () => (await once(spawn(node, check, { cwd: folder, env, stdio: 'ignore' }), 'exit'))[0]
      expect(await isHealthy()).toBe(1)

      const entry = list(argumentsOf(image, 'ENTRYPOINT')[0])
      const unshare = spawn('unshare', ['--pid', '--fork', '--kill-child', ...entry], {
        cwd: folder,
        env,
        stdio: ['ignore', 'pipe', 'inherit']
      })
      onTestFinished(() => void unshare.kill('SIGKILL'))
      const exited = once(unshare, 'exit')
      const [output] = await once(unshare.stdout.setEncoding('utf8'), 'data')
      expect(output).toContain(' listens on ')
      expect(await isHealthy()).toBe(0)
      // Not the default address, so HOST must be in effect.
      const { chat, owner } = await createChat({ url: `http://127.0.0.2:${port}` })
      expect(await post(chat, owner, 'hello')).toBe(1)
      const stream = await openStream(`${chat}/events`, { user: owner })
      await stream.until('ready')

      const [first = ''] = readFileSync(`/proc/${unshare.pid}/task/${unshare.pid}/children`, 'utf8').split(' ')
      expect(readFileSync(`/proc/${first}/status`, 'utf8')).toMatch(/^NSpid:\t\d+\t1$/m)
      process.kill(Number(first), 'SIGTERM')
      expect(await stream.rest()).toEqual([])
      expect(await exited).toEqual([0, null])
    }
  )
})
