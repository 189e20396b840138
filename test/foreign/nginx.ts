/** nginx in front of a server, or of several. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { listenOn } from '../kit/wire.ts'
import { Growing } from './growing.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

export interface Front {
  /** HTTPS and HTTP/2, with a certificate of its own. */
  readonly tls?: boolean
  /** Under which path the server is reached. */
  readonly path?: string
  /** On which port, where it must be known before. */
  readonly port?: number
  /** How long the server has to answer, instead of `330s`. */
  readonly readTimeout?: string
}

/** The lines that README.md shows for `http { … }`: for one server, or for several nodes. */
function readmeLines(what: '' | ' nodes'): string {
  const lines = new RegExp(`^\`\`\`nginx${what}\n(.*?)^\`\`\`$`, 'ms').exec(README)?.[1]
  if (lines === undefined) throw new Error(`README.md shows no lines for nginx${what}`)
  return lines
}

/** @throws where a text is not there exactly once: then the test would not run what is shown */
function replaceOnce(text: string, replacements: readonly (readonly [there: string, here: string])[]): string {
  let replaced = text
  for (const [there, here] of replacements) {
    if (replaced.split(there).length !== 2) throw new Error(`"${there}" is not there once`)
    replaced = replaced.replace(there, () => here)
  }
  return replaced
}

/** What goes into `http { … }` for nothing to be written outside of `folder`. */
function temporaryPaths(folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')
}

const ERROR_LOG = '/var/log/nginx/error.log'
const LISTEN_TLS = `listen 443 ssl http2;
    ssl_certificate     /etc/ssl/certs/chat.example.org.pem;
    ssl_certificate_key /etc/ssl/private/chat.example.org.key;`

/** The lines for one server, before the server on the port `target`. */
function serverLines(folder: string, port: number, target: number, { tls = false, path = '/' }: Front): string {
  const listen = `listen 127.0.0.1:${port}`
  const listenTls = `${listen} ssl http2; ssl_certificate ${folder}/${CERTIFICATE}; ssl_certificate_key ${folder}/${KEY};`
  return replaceOnce(readmeLines(''), [
    [LISTEN_TLS, tls ? listenTls : `${listen};`],
    [ERROR_LOG, 'stderr'],
    ['127.0.0.1:8000', `127.0.0.1:${target}`],
    ['location / {', `location ${path} {`],
    ['proxy_pass http://silly_chat;', `proxy_pass http://silly_chat${path === '/' ? '' : '/'};`]
  ])
}

/** Everything else is as it is by default, but what would be written outside of `folder`. */
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
/** The folder of what is included, beside the file that nginx is started with. */
const INCLUDED = 'silly-chat'
const CERTIFICATE = 'certificate.pem'
const KEY = 'key.pem'

function makeCertificate(folder: string): string {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const files = ['-keyout', join(folder, KEY), '-out', join(folder, CERTIFICATE)]
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...curve, ...subject, ...files], { stdio: 'ignore' })
  return readFileSync(join(folder, CERTIFICATE), 'utf8')
}

async function freePort(): Promise<number> {
  const listener = createServer()
  const port = await listenOn(listener, 0)
  listener.close()
  await once(listener, 'close')
  return port
}

/** An nginx in front of the server on this port, as README.md shows it, ended with the test. */
export async function startNginx(target: number, front: Front = {}): Promise<{ url: string; certificate: string }> {
  let certificate = ''
  const { url } = await startNginxWith((folder, port) => {
    if (front.tls) certificate = makeCertificate(folder)
    if (front.readTimeout !== undefined) {
      const file = join(folder, INCLUDED, 'server.conf')
      writeFileSync(file, replaceOnce(readFileSync(file, 'utf8'), [['330s', front.readTimeout]]))
    }
    return configuration(folder, serverLines(folder, port, target, front))
  }, front.port)
  return { url: front.tls ? url.replace('http:', 'https:') : url, certificate }
}

/** An nginx in front of the nodes on these ports, as README.md shows it, ended with the test. */
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

/** `deploy/nginx.conf` in one process, in front of these nodes, ended with the test. */
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

/** An nginx that listens on a port, says so on stderr at the level `notice`, and may write into the folder. */
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
  const said = new Growing()
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    said.grow()
  })
  closed.then(() => said.end(`nginx has ended: ${text}`))
  // It says so once it listens.
  await said.until(() => text.includes('event method'))
  return { url: `http://localhost:${port}` }
}
