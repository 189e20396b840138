/** The metrics are correct and contain no secrets. */
import { expect, it } from 'vitest'
import {
  approve,
  call,
  createChat,
  createChatWithMember,
  createLink,
  decline,
  idIn,
  knock,
  post
} from '../../support/api.ts'
import { METRICS as env, metricsAddress, scrape } from '../../support/metrics.ts'
import { startServer } from '../../support/server.ts'
import { openStream } from '../../support/streams.ts'

it('requests, streams, deliveries, chats and join requests are counted exactly', async () => {
  const server = await startServer({ env })
  const { chat, owner, link, member } = await createChatWithMember(server)
  const readers = await Promise.all(Array.from({ length: 5 }, () => openStream(`${chat}/events`, { user: member })))
  for (const reader of readers) await reader.until('ready')
  const texts = Array.from({ length: 20 }, (_, index) => `text ${index}`)
  for (const text of texts) await post(chat, owner, text)
  for (const reader of readers) await reader.take(texts.length)
  const waiting = await knock(link)
  const turned = await knock(link)
  const guest = await openStream(`${link}/events`, { user: waiting.client })
  await guest.next()
  await decline(link, owner, turned.requestId)
  const late = await openStream(`${chat}/events?last_event_id=0`, { user: member })
  await late.until('ready')
  const lost = await openStream(`${chat}/events?last_event_id=999`, { user: member })
  await lost.until('reset')
  const other = await createChat(server)
  await call(`DELETE ${other.chat}`, { user: other.owner })

  const { value } = await scrape(server)
  const requests = (method: string, route: string, status: number) =>
    value(`silly_chat_requests_total{method="${method}",route="${route}",status="${status}"}`)
  expect(requests('POST', '/v1/chats/:chat', 201)).toBe(20)
  expect(requests('POST', '/v1/chats', 201)).toBe(2)
  expect(requests('GET', '/v1/chats/:chat/events', 200)).toBe(7)
  expect(requests('GET', '/v1/links/:link/events', 200)).toBe(1)
  expect(requests('GET', '/v1/links/:link', 202)).toBe(3)
  expect(value('silly_chat_request_duration_seconds_count{method="POST",route="/v1/chats/:chat"}')).toBe(20)
  expect(value('silly_chat_open_streams{kind="chat"}')).toBe(7)
  expect(value('silly_chat_open_streams{kind="guest"}')).toBe(1)
  expect(value('silly_chat_open_streams{kind="wait"}')).toBe(0)
  expect(value('silly_chat_followed_chats')).toBe(1)
  expect(value('silly_chat_deliveries_total')).toBe(5 * 20 + 1 + 21)
  expect(value('silly_chat_stream_bytes_total')).toBeGreaterThan(121 * 50)
  expect(value('silly_chat_resets_total')).toBe(1)
  expect(value('silly_chat_messages_total')).toBe(20)
  expect([value('silly_chat_chats_created_total'), value('silly_chat_chats_ended_total')]).toEqual([2, 1])
  expect(value('silly_chat_chats')).toBe(1)
  expect(value('silly_chat_pending_requests')).toBe(1)
  expect(value('silly_chat_join_events_total{type="join_request"}')).toBe(3)
  expect(value('silly_chat_join_events_total{type="join_declined"}')).toBe(1)
  expect(value('silly_chat_clock_skew_seconds')).toBe(0)
  expect(value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThanOrEqual(0)

  // A second scrape counts nothing again.
  const again = await scrape(server)
  expect(again.value('silly_chat_deliveries_total')).toBe(122)
  expect(again.value('silly_chat_requests_total{method="GET",route="/v1/chats/:chat/events",status="200"}')).toBe(7)
  for (const reader of [...readers, late, lost, guest]) reader.close()
})

it('the pending requests of a closed chat are no longer counted, and each decision counts once', async () => {
  const server = await startServer({ env })
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  const pending = async () => (await scrape(server)).value('silly_chat_pending_requests')
  const [ana, ben] = [await knock(link), await knock(link)]
  await knock(link)
  expect(await pending()).toBe(3)
  await approve(link, owner, ana.requestId)
  await decline(link, owner, ana.requestId)
  await approve(link, owner, ana.requestId)
  await decline(link, owner, ben.requestId)
  expect(await pending()).toBe(1)
  await call(`DELETE ${chat}`, { user: owner })
  expect(await pending()).toBe(0)
})

it('a reader that is cut off is counted', async () => {
  const server = await startServer({ env: { ...env, MAX_STREAM_BUFFER_BYTES: '1000' } })
  const { chat, owner } = await createChat(server)
  const reader = await openStream(`${chat}/events`, { user: owner })
  const text = '€'.repeat(4000)
  for (let cut = 0; cut === 0; cut = (await scrape(server)).value('silly_chat_slow_readers_total')) {
    await Promise.all(Array.from({ length: 100 }, () => post(chat, owner, text)))
  }
  reader.close()
})

it('labels contain nothing from requests', async () => {
  const server = await startServer({ env })
  const { chat, owner, link, member } = await createChatWithMember(server)
  await post(chat, owner, 'the treasure')
  await call(`${chat}/nowhere`)
  await call(`${server.url}/${member}`)
  await call(`PUT ${chat}`)
  const { text } = await scrape(server)
  for (const secret of [idIn(chat), idIn(link), owner, member, 'treasure', '127.0.0.1'])
    expect(text).not.toContain(secret)
  expect(text).toContain('route="none",status="404"')
})

it('metrics are served only at their own address, and only if it is set', async () => {
  const server = await startServer({ env })
  expect((await call(`${server.url}/metrics`)).status).toBe(404)
  expect((await call(`${metricsAddress(server)}/health`)).status).toBe(404)
  expect((await call(`POST ${metricsAddress(server)}/metrics`)).status).toBe(404)
  await server.close()
  await expect(fetch(`${metricsAddress(server)}/metrics`)).rejects.toThrow()
  const silent = await startServer()
  expect(silent.log.join('')).not.toContain('metrics')
})
