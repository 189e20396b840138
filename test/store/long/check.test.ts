/** The command `check` of the built program on a data file in which bytes have changed, and a server on that file. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { call, createChat, post, readTexts } from '../../support/api.ts'
import { aFolder } from '../../support/file-store.ts'
import { runProgram, startProgram } from '../../support/program.ts'
import { tagIn } from '../contract/support.ts'

it('a message whose bytes have changed is found, its chat answers 500, and the server goes on', async () => {
  const folder = aFolder()
  const env = { STORE_URL: `file:${folder}`, RATE_LIMIT: 'off' }
  const first = await startProgram({ env })
  const [damaged, sound] = [await createChat(first), await createChat(first)]
  await post(damaged.chat, damaged.owner, 'a text that is found in the file')
  await post(sound.chat, sound.owner, 'hello')
  const check = () => runProgram({ args: ['check'], env }).ended
  expect(await check()).toMatchObject({ code: 0, out: expect.stringContaining('none damaged'), err: '' })
  first.child.kill('SIGTERM')
  await first.ended

  const file = join(folder, 'data.mdb')
  const bytes = readFileSync(file)
  const before = Buffer.from(bytes)
  for (let at = bytes.indexOf('a text that is'); at !== -1; at = bytes.indexOf('a text that is', at)) bytes[at] = 0x22
  expect(bytes.equals(before)).toBe(false)
  writeFileSync(file, bytes)

  const next = await startProgram({ env })
  const found = await check()
  expect(found).toMatchObject({ code: 1, err: '' })
  expect(found.out).toBe(
    `The chat whose address begins with ${tagIn(damaged.chat)} is damaged: 1 message.\nChecked 2 chats with 8 records: 1 damaged.\n`
  )
  expect(readFileSync(file).equals(bytes)).toBe(true)
  const atNext = (url: string) => url.replace(first.url, next.url)
  expect((await call(atNext(damaged.chat), { user: damaged.owner })).status).toBe(500)
  expect(await readTexts(atNext(sound.chat), sound.owner)).toEqual(['hello'])
  expect((await call(`${next.url}/ready`)).status).toBe(200)
  expect((await call(`DELETE ${atNext(damaged.chat)}`, { user: damaged.owner })).status).toBe(204)
})
