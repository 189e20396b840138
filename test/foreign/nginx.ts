/** nginx in front of one or more servers. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { freePort } from '../support/ports.ts'
import { makeCertificate } from './certificate.ts'
import { Growing } from './growing.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

export interface Front {
  /** HTTPS and HTTP/2, with a self-signed certificate. */
  readonly tls?: boolean
  /** The path of the server. */
  readonly path?: string
  /** The port, if it must be known in advance. */
  readonly port?: number
  /** The time for an answer of the server, instead of `330s`. */
  readonly readTimeout?: string
}

/** The lines in README.md for `http { … }`: for one server, or for several nodes. */
function readmeLines(what: '' | ' nodes'): string {
  const lines = new RegExp(`^\`\`\`nginx${what}\n(.*?)^\`\`\`$`, 'ms').exec(README)?.[1]
  if (lines === undefined) throw new Error(`README.md has no lines for nginx${what}`)
  return lines
}

/** @throws if a text does not occur exactly once, because then the test would not run the documented configuration */
function replaceOnce(
  text: string,
  replacements: readonly (readonly [original: string, replacement: string])[]
): string {
  let replaced = text
  for (const [original, replacement] of replacements) {
    if (replaced.split(original).length !== 2) throw new Error(`"${original}" does not occur exactly once`)
    replaced = replaced.replace(original, () => replacement)
  }
  return replaced
}

/** Settings in `http { … }` that keep nginx from writing outside `folder`. */
function temporaryPaths(folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')
}

const ERROR_LOG = '/var/log/nginx/error.log'
const LISTEN_TLS = `listen 443 ssl http2;
    ssl_certificate     /etc/ssl/certs/chat.example.org.pem;
    ssl_certificate_key /etc/ssl/private/chat.example.org.key;`

/** The lines for one server on the port `target`. */
function serverLines(folder: string, port: number, target: number, { tls = false, path = '/' }: Front): string {
  const listen = `listen 127.0.0.1:${port}`
  const listenTls = `${listen} ssl http2; ssl_certificate ${folder}/certificate.pem; ssl_certificate_key ${folder}/key.pem;`
  return replaceOnce(readmeLines(''), [
    [LISTEN_TLS, tls ? listenTls : `${listen};`],
    [ERROR_LOG, 'stderr'],
    ['127.0.0.1:8000', `127.0.0.1:${target}`],
    ['location / {', `location ${path} {`],
    ['proxy_pass http://silly_chat;', `proxy_pass http://silly_chat${path === '/' ? '' : '/'};`]
  ])
}

/** The rest of the configuration, with the defaults except for paths outside `folder`. */
function configuration(folder: string, lines: string): string {
  return `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr notice;
events {}
http {
  access_log off;
  ${temporaryPaths(folder)}
  ${lines}
}
`
}

const PROGRAM = 'nginx'
/** The folder of the included files, next to the main configuration file. */
const INCLUDED = 'silly-chat'

/** Starts an nginx in front of the server on this port, as documented in README.md; it ends with the test. */
export async function startNginx(target: number, front: Front = {}): Promise<{ url: string; certificate: string }> {
  let certificate = ''
  const { url } = await startNginxWith((folder, port) => {
    if (front.tls) certificate = readFileSync(makeCertificate(folder).certificate, 'utf8')
    if (front.readTimeout !== undefined) {
      const file = join(folder, INCLUDED, 'server.conf')
      writeFileSync(file, replaceOnce(readFileSync(file, 'utf8'), [['330s', front.readTimeout]]))
    }
    return configuration(folder, serverLines(folder, port, target, front))
  }, front.port)
  return { url: front.tls ? url.replace('http:', 'https:') : url, certificate }
}

/** Starts an nginx in front of the nodes on these ports, as documented in README.md; it ends with the test. */
export async function startNginxForNodes([first, second]: readonly [number, number]): Promise<{ url: string }> {
  return await startNginxWith((folder, port) =>
    configuration(
      folder,
      replaceOnce(readmeLines(' nodes'), [
        [ERROR_LOG, 'stderr'],
        ['127.0.0.1:8001', `127.0.0.1:${first}`],
        ['127.0.0.1:8002', `127.0.0.1:${second}`],
        ['listen 8000', `listen 127.0.0.1:${port}`]
      ])
    )
  )
}

/** Starts an nginx with `deploy/nginx.conf` in front of these nodes, as a single process; it ends with the test. */
export async function startDeployedNginx([first, second]: readonly [string, string]): Promise<{ url: string }> {
  const health = await freePort()
  return await startNginxWith((folder, port) =>
    replaceOnce(readFileSync(join(ROOT, 'deploy/nginx.conf'), 'utf8').replaceAll('/tmp/', `${folder}/`), [
      ['error_log stderr crit;', 'error_log stderr notice; daemon off; master_process off;'],
      ['listen 8080;', `listen 127.0.0.1:${port};`],
      ['listen 127.0.0.1:8081;', `listen 127.0.0.1:${health};`],
      ['server chat1:8000 ', `server ${new URL(first).host} `],
      ['server chat2:8000 ', `server ${new URL(second).host} `]
    ])
  )
}

/** Starts an nginx with a configuration that must log to stderr at the level `notice`. */
async function startNginxWith(
  configure: (folder: string, port: number) => string,
  wanted?: number
): Promise<{ url: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'))
  const port = wanted ?? (await freePort())
  const file = join(folder, 'nginx.conf')
  cpSync(join(ROOT, 'deploy/nginx'), join(folder, INCLUDED), { recursive: true })
  writeFileSync(file, configure(folder, port))
  const child = spawn(PROGRAM, ['-c', file, '-p', folder, '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const closed = once(child, 'close')
  onTestFinished(async () => {
    child.kill()
    await closed
    rmSync(folder, { recursive: true })
  })
  const output = new Growing()
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    output.grow()
  })
  closed.then(() => output.end(`nginx has ended: ${text}`))
  // nginx logs its event method when it listens.
  await output.until(() => text.includes('event method'))
  return { url: `http://localhost:${port}` }
}
