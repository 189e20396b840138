/**
 * Runs every part of `npm run check`, also after one has failed, and says at the end what failed and how to run it alone.
 *
 *     node scripts/check.mjs            all parts
 *     node scripts/check.mjs types lint these parts
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const parts = Object.keys(scripts).flatMap((name) => /^check:(.+)$/.exec(name)?.[1] ?? [])
const chosen = process.argv.length > 2 ? process.argv.slice(2) : parts
const unknown = chosen.filter((part) => !parts.includes(part))
if (unknown.length > 0) {
  process.stderr.write(`There is no part ${unknown.join(', ')}. There are: ${parts.join(', ')}.\n`)
  process.exit(2)
}

const failed = chosen.filter((part) => {
  process.stdout.write(`\n== check:${part}\n`)
  return spawnSync('npm', ['run', '--silent', `check:${part}`], { stdio: 'inherit' }).status !== 0
})
const lines = failed.map((part) => `  npm run check:${part}\n`).join('')
process.stdout.write(failed.length === 0 ? '\nAll parts passed.\n' : `\nFailed, each to be run alone:\n${lines}`)
process.exitCode = failed.length === 0 ? 0 : 1
