/** The built server, as the kernel sees it: no byte of a message leaves before the message is on the disk. */
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

/** What the kernel saw while there was somebody who posts, alone and at the same time, and somebody who follows. */
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
  const texts = Array.from({ length: POSTS }, (_, index) => `said-${index}-`)
  for (const text of texts.slice(0, POSTS / 2)) await post(chat, owner, text)
  await Promise.all(texts.slice(POSTS / 2).map((text) => post(chat, owner, text)))
  await stream.take(POSTS)
  await server.stop()
  return { texts, file, folder }
}

/** The server with a store that acknowledges what is not synced. */
function anUnsyncedRoot(): string {
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

describe.skipIf(!haveAll('strace'))('what leaves the server', { timeout: TIMEOUT_MS }, () => {
  it('has been written, synced, and made visible by a synchronous write before', async () => {
    const { texts, file, folder } = await trace(ROOT)
    const calls = readCalls(file)
    expect(texts.flatMap((text) => tooEarly(calls, text))).toEqual([])
    // The names of a new folder and of what is in it.
    const synced = calls.flatMap(({ name, descriptor }) => (name === 'fsync' ? descriptor.replace(/^\d+/, '') : []))
    expect(synced).toEqual(expect.arrayContaining([`<${folder}>`, `<${dirname(folder)}>`]))
  })

  it('is seen to be too early if it is not synced', async () => {
    const { texts, file } = await trace(anUnsyncedRoot())
    const calls = readCalls(file)
    for (const text of texts) expect(tooEarly(calls, text).join()).toContain(`${text} was sent in line `)
  })
})
