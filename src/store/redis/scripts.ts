/** The Lua scripts. Each is the file of its name, with `chat.lua` inserted before it. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

export interface Script {
  readonly source: string
  /** SHA-1 of the source, for EVALSHA. */
  readonly digest: string
}

const common = read('chat')

export const SCRIPTS = {
  create: script('create'),
  load: script('load'),
  head: script('head'),
  commit: script('commit'),
  /** The same, but it also runs when the server is full. */
  withdraw: script('commit', '#!lua flags=allow-oom'),
  append: script('append'),
  events: script('events'),
  messages: script('messages'),
  newest: script('newest'),
  remove: script('remove'),
  loss: script('loss'),
  layout: script('layout'),
  probe: script('probe'),
  count: script('count'),
  putHandover: script('put-handover'),
  takeHandover: script('take-handover'),
  announce: script('announce'),
  retract: script('retract'),
  announced: script('announced')
}

function script(name: string, otherFlags?: string): Script {
  // The first line (`#!lua flags=…`) must stay the first.
  const [flags = '', ...lines] = read(name).split('\n')
  const source = [otherFlags ?? flags, common, ...lines].join('\n')
  return { source, digest: createHash('sha1').update(source).digest('hex') }
}

function read(name: string): string {
  return readFileSync(new URL(`${name}.lua`, import.meta.url), 'utf8')
}
