/** The command `silly-chat check` finds every damaged record. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { changeProfile } from '../../../src/chat/changes.ts'
import { type ChatTag, postKey, tagOf } from '../../../src/chat/ids.ts'
import { runCheck } from '../../../src/cli/check.ts'
import type { Change } from '../../../src/store/file/disk.ts'
import { lmdbDisk } from '../../../src/store/file/lmdb-disk.ts'
import * as records from '../../../src/store/file/records.ts'
import { aDoor, aUser, changed } from '../../support/doors.ts'
import { aFolder, opened } from '../../support/file-store.ts'
import { aChat, append, commitKnock, loaded, message, NOON } from '../contract/support.ts'

/** A closed store with two chats that have records of all kinds. */
async function aStore() {
  const folder = aFolder()
  const store = await opened(folder)
  const doors = [aDoor().door, aDoor().door]
  for (const door of doors) {
    const tag = await aChat(store, door)
    await store.append(tag, 0, message('hello'), postKey(aUser(), 'once'))
    await append(store, tag, 'again')
    await commitKnock(store, tag)
    const titled = changed(changeProfile((await loaded(store, tag)).door, door.owner, { title: 'Garden party' }))
    await store.commit(tag, 2, titled.door, titled.events, NOON)
  }
  await store.close()
  const [tag, other] = doors.map(({ chat }) => tagOf(chat))
  return { folder, tag: tag ?? tagOf(aDoor().door.chat), other, ids: doors.map(({ chat }) => chat) }
}

/** Changes records of a folder behind its back. */
async function changeRecords(
  folder: string,
  change: (records: { key: Buffer; value: Buffer }[]) => Iterable<Change>
): Promise<void> {
  const disk = lmdbDisk(folder)
  await disk.write(change([...disk.range(...records.ALL)]))
  await disk.close()
}

const flipped = (value: Buffer) => Buffer.from(value.map((byte, at) => (at === value.length >> 1 ? byte ^ 1 : byte)))
const under = (kind: string, tag: ChatTag) => Buffer.from(`${kind}${tag}`)
const check = (folder: string) => runCheck(`file:${folder}`)
const damaged = (tag: ChatTag, what: string) => `The chat whose address begins with ${tag} is damaged: ${what}.\n`

describe('silly-chat check', () => {
  it('finds nothing in a sound store, also while a server uses it and after chats were removed', async () => {
    const { folder, tag } = await aStore()
    expect(await check(folder)).toEqual({ text: 'Checked 2 chats with 18 records: none damaged.\n', isSound: true })
    const store = await opened(folder)
    expect((await check(folder)).isSound).toBe(true)
    await store.remove(tag)
    expect(await check(folder)).toEqual({
      text: expect.stringContaining('Checked 1 chat with 9 records: none damaged.\n'),
      isSound: true
    })
  })

  it.each([
    ['C', '1 state'],
    ['H', '1 door'],
    ['Q', '1 join request'],
    ['M', '2 messages'],
    ['J', '1 door event'],
    ['K', '1 door event'],
    ['P', '1 idempotency key']
  ])('finds damaged values under %s, and names the chat but not its id', async (kind, what) => {
    const { folder, tag, ids } = await aStore()
    await changeRecords(folder, (all) =>
      all.filter(({ key }) => key.includes(under(kind, tag))).map(({ key, value }) => ({ key, value: flipped(value) }))
    )
    const { text, isSound } = await check(folder)
    expect({ text, isSound }).toEqual({
      text: `${damaged(tag, what)}Checked 2 chats with 18 records: 1 damaged.\n`,
      isSound: false
    })
    for (const id of ids) expect(text).not.toContain(id)
  })

  it.each([
    ['C', '1 state'],
    ['H', '1 door'],
    ['M', '1 list of events'],
    ['J', '1 list of events'],
    ['K', '1 list of events'],
    ['y', '1 index entry']
  ])('finds that a record under %s is missing', async (kind, what) => {
    const { folder, tag } = await aStore()
    await changeRecords(folder, (all) =>
      all
        .filter(({ key }) => key.toString('latin1').startsWith(kind) && records.tagIn(key) === tag)
        .slice(0, 1)
        .map(({ key }) => ({ key, value: undefined }))
    )
    expect(await check(folder)).toMatchObject({ text: expect.stringContaining(damaged(tag, what)), isSound: false })
  })

  it('finds records that belong to no chat', async () => {
    const { folder, tag } = await aStore()
    await changeRecords(folder, (all) => [
      { key: Buffer.from('?'), value: Buffer.from('!') },
      ...all.filter(({ key }) => /^[CH]/.test(key.toString('latin1'))).map(({ key }) => ({ key, value: undefined }))
    ])
    const { text, isSound } = await check(folder)
    expect(text).toBe('15 records cannot be assigned to a chat.\nChecked 0 chats with 15 records: none damaged.\n')
    expect(isSound).toBe(false)
    expect(text).not.toContain(tag)
  })

  it('checks the form of what version 1 of the format has stored', async () => {
    const folder = aFolder()
    cpSync(join(import.meta.dirname, 'fixtures', 'format-1'), folder, { recursive: true })
    const { text, isSound } = await check(folder)
    expect(text).toMatch(
      /^\d+ records of an older version have no checksum; only their form was checked\.\nChecked 3 chats /
    )
    expect(isSound).toBe(true)
    await changeRecords(folder, (all) =>
      all.filter(({ key }) => key[0] === 0x6d).map(({ key, value }) => ({ key, value: value.subarray(1) }))
    )
    expect(await check(folder)).toMatchObject({ text: expect.stringMatching(/\d+ messages?[,.]/), isSound: false })
  })

  it('refuses what is no file store with a message', async () => {
    await expect(runCheck('memory:')).rejects.toThrow(/^Only a file store can be checked\. .*\.$/)
    await expect(check(aFolder())).rejects.toThrow(/ contains no Silly Chat store\.$/)
  })
})
