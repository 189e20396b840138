/**
 * Runs every part of `npm run check`, even after one has failed. At the end it prints the failed parts and their commands.
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
  process.stderr.write(`Unknown: ${unknown.join(', ')}. The parts are ${parts.join(', ')}.\n`)
  process.exit(2)
}

const failed = chosen.filter((part) => {
  process.stdout.write(`\n== check:${part}\n`)
  return spawnSync('npm', ['run', '--silent', `check:${part}`], { stdio: 'inherit' }).status !== 0
})
const lines = failed.map((part) => `  npm run check:${part}\n`).join('')
process.stdout.write(failed.length === 0 ? '\nAll parts passed.\n' : `\nFailed. Run each part alone:\n${lines}`)
process.exitCode = failed.length === 0 ? 0 : 1
