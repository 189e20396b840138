/** curl as a client. */
import { describe, expect, it } from 'vitest'
import { exchange } from '../../src/wire/schemas/links.ts'
import { approve, createChat, createLink, knock, post } from '../support/api.ts'
import { haveAll } from '../support/real-parts.ts'
import { startServer } from '../support/server.ts'
import { as, eventsIn, startCurl } from './curl.ts'

describe.skipIf(!haveAll('curl'))('curl', () => {
  it('receives the beginning of a stream at once, and every message when it is posted', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const curl = startCurl('-sN', ...as(owner), `${chat}/events`)
    await curl.shows(/^:\nretry: \d+\n\nid: 0\nevent: ready\ndata: .*\n\n$/)
    for (const text of ['one', 'two', 'three']) {
      await post(chat, owner, text)
      await curl.shows(`"text":"${text}"`)
    }
    expect(eventsIn(curl.output())).toEqual([
      ['ready', '0'],
      ['message', '1'],
      ['message', '2'],
      ['message', '3']
    ])
  }, 15_000)

  it('can resume a stream with the last id it has received', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const follow = (cursor: string | undefined) =>
      startCurl('-sN', ...as(owner), '-H', `Last-Event-ID: ${cursor}`, `${chat}/events`)
    await post(chat, owner, 'one')
    const early = follow('0')
    await early.shows('event: ready')
    await post(chat, owner, 'two')
    await early.shows('"text":"two"')
    early.kill()
    await early.exit
    await post(chat, owner, 'three')
    const late = follow(eventsIn(early.output()).at(-1)?.[1])
    await late.shows('event: ready')
    await post(chat, owner, 'four')
    await late.shows('"text":"four"')
    expect(eventsIn(early.output())).toEqual([
      ['message', '1'],
      ['ready', '1'],
      ['message', '2']
    ])
    expect(eventsIn(late.output())).toEqual([
      ['message', '3'],
      ['ready', '3'],
      ['message', '4']
    ])
  }, 15_000)

  it('gets an uncompressed stream even if it accepts compression', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const curl = startCurl('-siN', '--compressed', ...as(owner), `${chat}/events`)
    await curl.shows('event: ready')
    expect(curl.output()).not.toMatch(/^content-encoding:/im)
    expect(curl.output().match(/^transfer-encoding: .*$/gim)).toEqual(['Transfer-Encoding: chunked'])
  }, 15_000)

  it('can join with one command: it knocks, waits and prints the URL of the chat', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const doorkeeper = startCurl('-sN', ...as(owner), `${chat}/events`)
    await doorkeeper.shows('event: ready')
    const guest = startCurl('-s', `${link}?wait=300&name=Ana`)
    await doorkeeper.shows(/event: join_request\ndata: .*"name":"Ana"/)
    expect(guest.output()).toBe('')
    await approve(link, owner)
    expect(await guest.exit).toBe(0)
    const { client_id, ...rest } = exchange.parse(JSON.parse(guest.output()))
    expect(rest).toMatchObject({ state: 'approved', chat })
    await post(chat, client_id ?? '', 'I am in')
    await doorkeeper.shows('"text":"I am in"')
  }, 15_000)

  it('exits with 0 by itself when the guest whose stream it follows is approved', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    const { client } = await knock(link)
    const curl = startCurl('-sN', ...as(client), `${link}/events`)
    await curl.shows('id: pending')
    await approve(link, owner)
    expect(await curl.exit).toBe(0)
    expect(eventsIn(curl.output())).toEqual([
      ['approval', 'pending'],
      ['approval', 'approved']
    ])
    expect(curl.output()).toContain(`"chat":"${chat}"`)
  }, 15_000)

  it('exits with 0 when the server stops, after the last message', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const curl = startCurl('-sSN', ...as(owner), `${chat}/events`)
    await curl.shows('event: ready')
    await post(chat, owner, 'last')
    await server.close()
    expect(await curl.exit).toBe(0)
    expect(eventsIn(curl.output())).toEqual([
      ['ready', '0'],
      ['message', '1']
    ])
  }, 15_000)
})
