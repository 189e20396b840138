/** docs/scaling.md shows what docs/scaling.mjs computes. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const DOCS = fileURLToPath(new URL('../docs', import.meta.url))

it('docs/scaling.md shows every table that docs/scaling.mjs prints, and no other figures of it', () => {
  const printed = execFileSync(process.execPath, [`${DOCS}/scaling.mjs`], { encoding: 'utf8' })
  const tables = printed.trim().split('\n\n')
  expect(tables.length).toBeGreaterThan(3)
  const document = readFileSync(`${DOCS}/scaling.md`, 'utf8')
  const shown = [...document.matchAll(/^\| [^\n]* \| \| \|\n(?:\|.*\n)+/gm)].map(([table]) => table.trim())
  expect(shown).toEqual(tables)
})

it('docs/scaling.mjs counts with other numbers, too, and refuses what it does not know', () => {
  const print = (...args: string[]) =>
    execFileSync(process.execPath, [`${DOCS}/scaling.mjs`, ...args], { encoding: 'utf8', stdio: 'pipe' })
  expect(print('--streams=100000', '--streamsPerNode=25000')).toContain('| **nodes needed** | **4** |')
  expect(() => print('--steams=1')).toThrow('Unknown: --steams=1.')
})
