/** The version of this program, from package.json beside `src` or `dist`. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { HERE } from './here.ts'

export function readVersion(): string {
  const text = readFileSync(new URL('../package.json', HERE), 'utf8')
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version
}
