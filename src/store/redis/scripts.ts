/** The scripts: what is done to a chat in one step stands in the file of its name, after what all have in common. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

export interface Script {
  readonly source: string
  /** SHA-1 of the source, by which Redis knows it. */
  readonly digest: string
}

const common = read('chat')

export const SCRIPTS = {
  create: script('create'),
  load: script('load'),
  head: script('head'),
  commit: script('commit'),
  append: script('append'),
  events: script('events'),
  messages: script('messages'),
  remove: script('remove'),
  count: script('count')
}

function script(name: string): Script {
  // The first line says what Redis has to know of it.
  const [flags = '', ...lines] = read(name).split('\n')
  const source = [flags, common, ...lines].join('\n')
  return { source, digest: createHash('sha1').update(source).digest('hex') }
}

function read(name: string): string {
  return readFileSync(new URL(`${name}.lua`, import.meta.url), 'utf8')
}
