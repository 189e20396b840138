/** Programs beyond Node that a test needs: without them it is skipped aloud, or fails where none may be missing. */
import { spawnSync } from 'node:child_process'

/** `npm run check` sets it: a skip is an error there. */
const REQUIRED = process.env['REQUIRE_REAL_PARTS'] === '1'

/** Whether all of them are there. Says so if not. */
export function haveAll(...programs: string[]): boolean {
  const missing = programs.filter((program) => spawnSync('which', [program]).status !== 0)
  if (missing.length === 0) return true
  const text = `tests are skipped for want of ${missing.join(', ')}`
  if (REQUIRED) throw new Error(text)
  process.stderr.write(`\n${text}\n`)
  return false
}

/** A Python that can import all of these modules; undefined if none can. Says so then. */
export function pythonWith(...modules: string[]): string | undefined {
  const imports = modules.map((module) => `import ${module}`).join('\n')
  const found = ['/usr/bin/python3', 'python3'].find((python) => spawnSync(python, ['-c', imports]).status === 0)
  if (found !== undefined) return found
  const text = `tests are skipped for want of a Python with ${modules.join(', ')}`
  if (REQUIRED) throw new Error(text)
  process.stderr.write(`\n${text}\n`)
  return undefined
}

/** Whether this is root, with these programs. Says so if not. */
export function isRoot(...programs: string[]): boolean {
  if (process.getuid?.() === 0) return haveAll(...programs)
  const text = 'tests are skipped that only root can run'
  if (REQUIRED) throw new Error(text)
  process.stderr.write(`\n${text}\n`)
  return false
}
