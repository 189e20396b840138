/** nginx in front of a server, or of several. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Growing } from './growing.ts'
import { listenOn } from './tcp-proxy.ts'

/** What an nginx needs that is a proxy of this server: these lines go into its `server { … }`. First what HTTPS needs. */
export const TLS_LINES = `listen 443 ssl http2;
ssl_certificate     /etc/ssl/certs/chat.example.org.pem;
ssl_certificate_key /etc/ssl/private/chat.example.org.key;
`
export const PROXY_LINES = `# URLs are secrets here, and error logs quote them.
access_log off;
error_log /var/log/nginx/error.log crit;
location / {
    proxy_pass http://127.0.0.1:8000;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_read_timeout 330s;
    error_page 502 504 = @away;
}
# While the server restarts: an EventSource comes back after a lost connection, but never after an error.
location @away {
    if ($http_accept = text/event-stream) { return 444; }
    return 502;
}
`

/** Tests write nothing outside of their folders. */
const ERROR_LOG = '/var/log/nginx/error.log'

export interface Front {
  /** HTTPS and HTTP/2, with a certificate of its own. */
  readonly tls?: boolean
  /** Under which path the server is reached. */
  readonly path?: string
  /** On which port, where it must be known before. */
  readonly port?: number
}

/** What README.md shows for several nodes: these lines go into its `http { … }`. */
function nodesLines(): string {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const lines = /^```nginx nodes\n(.*?)^```$/ms.exec(readme)?.[1]
  if (lines === undefined) throw new Error('README.md shows no lines for several nodes')
  return lines
}

/** What goes into `http { … }` for nothing to be written outside of `folder`. */
export function temporaryPaths(folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')
}

/** The `server { … }` of one that stands before the server on the port `target`. */
function serverLines(folder: string, port: number, target: number, { tls = false, path = '/' }: Front): string {
  const listen = tls
    ? TLS_LINES.replace('443', `127.0.0.1:${port}`)
        .replace(/\S+\.pem/, join(folder, CERTIFICATE))
        .replace(/\S+\.key/, join(folder, KEY))
    : `listen 127.0.0.1:${port};`
  const proxy = PROXY_LINES.replace(ERROR_LOG, 'stderr')
    .replace('127.0.0.1:8000', `127.0.0.1:${target}${path === '/' ? '' : '/'}`)
    .replace('location /', `location ${path}`)
  return `server {
    ${listen}
    ${proxy}
  }`
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

/** An nginx in front of the server on this port, ended with the test. */
export async function startNginx(target: number, front: Front = {}): Promise<{ url: string; certificate: string }> {
  let certificate = ''
  const { url } = await startNginxWith((folder, port) => {
    if (front.tls) certificate = makeCertificate(folder)
    return configuration(folder, serverLines(folder, port, target, front))
  }, front.port)
  return { url: front.tls ? url.replace('http:', 'https:') : url, certificate }
}

/** An nginx in front of the nodes on these ports, as README.md shows it, ended with the test. */
export async function startNginxForNodes([first, second]: readonly [number, number]): Promise<{ url: string }> {
  return await startNginxWith((folder, port) =>
    configuration(
      folder,
      nodesLines()
        .replace(ERROR_LOG, 'stderr')
        .replace('127.0.0.1:8001', `127.0.0.1:${first}`)
        .replace('127.0.0.1:8002', `127.0.0.1:${second}`)
        .replace('listen 8000', `listen 127.0.0.1:${port}`)
    )
  )
}

/** An nginx that listens on a port, says so on stderr at the level `notice`, and may write into the folder. */
export async function startNginxWith(
  configure: (folder: string, port: number) => string,
  wanted?: number
): Promise<{ url: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'))
  const port = wanted ?? (await freePort())
  const file = join(folder, 'nginx.conf')
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
