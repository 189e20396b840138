/** Programs that tests need beside Node. Without them a test is skipped with a notice, or fails if REQUIRE_REAL_PARTS is set. */
import { spawnSync } from 'node:child_process'

/** `npm run check` sets it: a skip is an error there. */
const REQUIRED = process.env['REQUIRE_REAL_PARTS'] === '1'

/** Whether all of them are installed. Prints a notice if not. */
export function haveAll(...programs: string[]): boolean {
  const missing = programs.filter((program) => spawnSync('which', [program]).status !== 0)
  if (missing.length === 0) return true
  const text = `tests are skipped for want of ${missing.join(', ')}`
  if (REQUIRED) throw new Error(text)
  process.stderr.write(`\n${text}\n`)
  return false
}

/** A Python that can import all of these modules. Prints a notice if there is none. */
export function pythonWith(...modules: string[]): string | undefined {
  const imports = modules.map((module) => `import ${module}`).join('\n')
  const found = ['/usr/bin/python3', 'python3'].find((python) => spawnSync(python, ['-c', imports]).status === 0)
  if (found !== undefined) return found
  const text = `tests are skipped for want of a Python with ${modules.join(', ')}`
  if (REQUIRED) throw new Error(text)
  process.stderr.write(`\n${text}\n`)
  return undefined
}

/** Whether this is root and these programs are installed. Prints a notice if not. */
export function isRoot(...programs: string[]): boolean {
  if (process.getuid?.() === 0) return haveAll(...programs)
  const text = 'tests are skipped that only root can run'
  if (REQUIRED) throw new Error(text)
  process.stderr.write(`\n${text}\n`)
  return false
}
