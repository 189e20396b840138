/** Builds `dist/docs`: the API documentation page, and the OpenAPI document in JSON and YAML. */
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DOCS = `${ROOT}/dist/docs`

execFileSync('npx', ['--no-install', 'tsc', '--project', 'src/docs'], { cwd: ROOT, stdio: 'inherit' })
for (const file of ['src/docs/index.html', 'src/docs/style.css', 'src/web/icon.svg']) {
  cpSync(`${ROOT}/${file}`, `${DOCS}/${basename(file)}`)
}

const document = JSON.parse(readFileSync(`${ROOT}/openapi/openapi.json`, 'utf8'))
// Placeholders: only the running server knows both values.
document.info.version = '__VERSION__'
document.servers[0].url = '__SERVER__'
writeFileSync(`${DOCS}/openapi.json`, JSON.stringify(document))
// The compatibility option quotes timestamps, which a YAML 1.1 parser would read as dates.
writeFileSync(`${DOCS}/openapi.yaml`, stringify(document, { compat: 'yaml-1.1' }))
