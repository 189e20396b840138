/** System calls of the built server: no byte of a message is sent before the message is synced to the disk. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createChat, post } from '../../support/api.ts'
import { startBuilt } from '../../support/built-server.ts'
import { aFolder } from '../../support/file-store.ts'
import { haveAll } from '../../support/real-parts.ts'
import { openStream } from '../../support/streams.ts'
import { readCalls, stracing, tooEarly } from './strace.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const POSTS = 12
const TIMEOUT_MS = 60_000

/** Traces a server while messages are posted, one by one and simultaneously, and a stream is read. */
async function trace(root: string): Promise<{ texts: string[]; file: string; folder: string }> {
  const folder = aFolder()
  const file = `${folder}.strace`
  const server = await startBuilt({
    env: { STORE_URL: `file:${folder}` },
    command: [...stracing(file), process.execPath],
    root
  })
  const { chat, owner } = await createChat(server)
  const stream = await openStream(`${chat}/events`, { user: owner })
  await stream.until('ready')
  const texts = Array.from({ length: POSTS }, (_, index) => `text-${index}-`)
  for (const text of texts.slice(0, POSTS / 2)) await post(chat, owner, text)
  await Promise.all(texts.slice(POSTS / 2).map((text) => post(chat, owner, text)))
  await stream.take(POSTS)
  await server.stop()
  return { texts, file, folder }
}

/** A copy of the server whose store acknowledges without a sync. */
function rootWithoutSync(): string {
  const root = aFolder()
  mkdirSync(root)
  for (const part of ['dist', 'package.json']) cpSync(join(ROOT, part), join(root, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  const setting = 'overlappingSync: false'
  const disk = join(root, 'dist/store/file/lmdb-disk.js')
  const source = readFileSync(disk, 'utf8')
  expect(source).toContain(setting)
  writeFileSync(disk, source.replaceAll(setting, `${setting}, noSync: true`))
  return root
}

describe.skipIf(!haveAll('strace'))('a sent message', { timeout: TIMEOUT_MS }, () => {
  it('was written, synced and made visible by a synchronous write before', async () => {
    const { texts, file, folder } = await trace(ROOT)
    const calls = readCalls(file)
    expect(texts.flatMap((text) => tooEarly(calls, text))).toEqual([])
    // Syncs of the folders make the names of a new folder and its files durable.
    const synced = calls.flatMap(({ name, descriptor }) => (name === 'fsync' ? descriptor.replace(/^\d+/, '') : []))
    expect(synced).toEqual(expect.arrayContaining([`<${folder}>`, `<${dirname(folder)}>`]))
  })

  it('is reported as too early if it is not synced', async () => {
    const { texts, file } = await trace(rootWithoutSync())
    const calls = readCalls(file)
    for (const text of texts) expect(tooEarly(calls, text).join()).toContain(`${text} was sent in line `)
  })
})
