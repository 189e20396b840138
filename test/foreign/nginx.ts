/** nginx in front of a server, or of several. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Growing } from './growing.ts'
import { listenOn } from './tcp-proxy.ts'

/** What an nginx needs that is a proxy of this server: these lines go into its `server { … }`. */
export const PROXY_LINES = `location / {
    proxy_pass http://127.0.0.1:8000;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_read_timeout 330s;
    error_page 502 504 = @away;
}
# While the server restarts: an EventSource comes back after a lost connection, but never after an error.
location @away {
    if ($http_accept = text/event-stream) { return 444; }
    return 502;
}
`

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

async function freePort(): Promise<number> {
  const listener = createServer()
  const port = await listenOn(listener, 0)
  listener.close()
  await once(listener, 'close')
  return port
}

/** An nginx in front of the server on this port, ended with the test. */
export async function startNginx(target: number): Promise<{ url: string }> {
  const lines = PROXY_LINES.replace('127.0.0.1:8000', `127.0.0.1:${target}`)
  return await startNginxWith((folder, port) =>
    configuration(folder, `server {\n    listen 127.0.0.1:${port};\n    ${lines}\n  }`)
  )
}

/** An nginx in front of the nodes on these ports, as README.md shows it, ended with the test. */
export async function startNginxForNodes([first, second]: readonly [number, number]): Promise<{ url: string }> {
  return await startNginxWith((folder, port) =>
    configuration(
      folder,
      nodesLines()
        .replace('127.0.0.1:8001', `127.0.0.1:${first}`)
        .replace('127.0.0.1:8002', `127.0.0.1:${second}`)
        .replace('listen 8000', `listen 127.0.0.1:${port}`)
    )
  )
}

/** An nginx that listens on this port, says so on stderr at the level `notice`, and may write into the folder. */
export async function startNginxWith(configure: (folder: string, port: number) => string): Promise<{ url: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'))
  const port = await freePort()
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
