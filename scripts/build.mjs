/** Builds `dist`: the server (TypeScript's output, not bundled), the Redis scripts, the API documentation and the web page. */
import { execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

function run(program, ...args) {
  execFileSync('npx', ['--no-install', program, ...args], { cwd: ROOT, stdio: 'inherit' })
}

rmSync(`${ROOT}/dist`, { recursive: true, force: true })
run('tsc', '--project', 'src')
cpSync(`${ROOT}/src/store/redis`, `${ROOT}/dist/store/redis`, {
  recursive: true,
  filter: (name) => !name.endsWith('.ts')
})
await import('./build-docs.mjs')
run('vite', 'build', '--config', 'src/web/vite.config.ts', '--logLevel', 'warn')
