/** The scenes behind the table of `endings.test.ts`: a request ends while everybody is connected, then everybody asks. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { joinRequests } from '../../../src/wire/schemas/join-requests.ts'
import { links } from '../../../src/wire/schemas/links.ts'
import { chatEvents, linkEvents } from '../../../src/wire/schemas/streams.ts'
import {
  approve,
  call,
  createChat,
  createLink,
  decline,
  type Guest,
  knock,
  post,
  requestsOf,
  STRANGER
} from '../../support/api.ts'
import { METRICS, untilWaiting } from '../../support/metrics.ts'
import { startServer, type TestServer } from '../../support/server.ts'
import { openReady, openStream, type StreamEvent, type StreamReader } from '../../support/streams.ts'

const MINUTE_MS = 60_000
/** A link that expires does so after this time by the server's own timer. */
const SHORTLY_MS = 20
/** A stream that receives it goes on. */
const LAST = 'the last message'
const DEADLINE_MS = 5000
const NO_ANSWER = 'no answer'

type Answers = Map<string, Promise<string>>

interface Scene {
  readonly server: TestServer
  readonly chat: string
  readonly link: string
  readonly otherLink: string
  readonly owner: string
  /** The guest whose request ends. */
  readonly ana: Guest
  readonly isMember: boolean
  /** Another guest, pending at the same link. */
  readonly ben: Guest
  /** Another member, who came in through the same link. */
  readonly dan: Guest
  /** What everybody who is connected before the ending receives, once it is complete. */
  readonly open: Answers
}

interface Ending {
  /** Whether the guest is a member before. */
  readonly isMember: boolean
  readonly limits?: { readonly expires_in?: number; readonly max_guests?: number }
  readonly env?: Record<string, string>
  readonly end: (scene: Scene) => Promise<unknown>
}

const declineAna = ({ link, owner, ana }: Scene) => decline(link, owner, ana.requestId)
const leave = ({ link, ana }: Scene) => call(`DELETE ${link}/request`, { user: ana.client })
const closeChat = ({ chat, owner }: Scene) => call(`DELETE ${chat}`, { user: owner })
const idle = {
  env: { CHAT_TTL_SECONDS: '600' },
  end: ({ server, link }: Scene) => {
    // The newcomer's provisional request lapses, which is an event.
    server.clock.now += 12 * MINUTE_MS
    return call(`HEAD ${link}`)
  }
}

/** One minute after everybody has asked to join. */
export const ENDINGS: Record<string, Ending> = {
  declined: { isMember: false, end: declineAna },
  removed: { isMember: true, end: declineAna },
  withdrawn: { isMember: false, end: leave },
  left: { isMember: true, end: leave },
  // Nobody calls the server at that moment.
  'link expired': {
    isMember: false,
    limits: { expires_in: 60 },
    end: async ({ open }) => {
      // What is asked afterwards would make the server notice.
      if ((await inTime(open.get("guest's open wait at the link"))) === NO_ANSWER)
        throw new Error('nobody was notified')
    }
  },
  'link revoked': { isMember: false, end: ({ link, owner }) => call(`DELETE ${link}`, { user: owner }) },
  'link full': {
    isMember: false,
    limits: { max_guests: 2 },
    end: async ({ link, owner }) => approve(link, owner, (await knock(link, 'Eve')).requestId)
  },
  'chat closed (pending)': { isMember: false, end: closeChat },
  'chat closed (member)': { isMember: true, end: closeChat },
  'chat idle (pending)': { isMember: false, ...idle },
  'chat idle (member)': { isMember: true, ...idle }
}

/** What each asker is answered. */
export async function play(ending: Ending): Promise<ReadonlyMap<string, string>> {
  const scene = await prepare(ending)
  const { server, chat, owner, open } = scene
  server.clock.now += MINUTE_MS - SHORTLY_MS
  await connectAll(scene)
  server.clock.now += SHORTLY_MS
  await ending.end(scene)
  await call(chat, { user: owner, json: { text: LAST } })
  const answers = new Map<string, string>()
  // In this order, and none at the same time: knocks and decisions change what others are answered, so they come last.
  for (const [asker, ask] of Object.entries(asks(scene))) answers.set(asker, await inTime(ask()))
  await approveAll(scene)
  for (const [asker, answer] of open) answers.set(asker, await inTime(answer))
  return answers
}

async function prepare({ isMember, limits, env }: Ending): Promise<Scene> {
  const server = await startServer({ env: { ...METRICS, ...env } })
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner, limits)
  const [ana, ben, dan] = [await knock(link, 'Ana'), await knock(link, 'Ben'), await knock(link, 'Dan')]
  await approve(link, owner, dan.requestId)
  const otherLink = await createLink(chat, owner)
  const scene = { server, chat, link, otherLink, owner, ana, isMember, ben, dan, open: new Map() }
  if (isMember) await approve(link, owner, ana.requestId)
  if (isMember) await postOnce(scene)
  return scene
}

const postOnce = ({ chat, ana }: Scene) =>
  call(chat, { user: ana.client, json: { text: 'once' }, headers: { 'idempotency-key': 'k' } })

/** Lets in everybody who is still pending, so that what still waits ends. */
async function approveAll({ chat, link, owner }: Scene): Promise<void> {
  const { ok } = await call(chat, { user: owner })
  const pending = ok ? (await requestsOf(chat, owner)).filter(({ state }) => state === 'pending') : []
  for (const { request_id } of pending) await approve(link, owner, request_id)
}

async function connectAll({ server, chat, link, owner, ana, isMember, ben, dan, open }: Scene): Promise<void> {
  const after = await post(chat, owner, 'before')
  const connect = (asker: string, answer: Promise<string>): void => {
    answer.catch(() => undefined)
    open.set(asker, answer)
  }
  const streamAtLink = async ({ client }: Guest) => {
    const opened = await openStream(`${link}/events`, { user: client })
    await opened.next()
    return opened
  }
  const wait = (user: string) => summary(call(`${chat}?wait=300&after=${after}`, { user }))
  const waitAtLink = (guest: Guest) => summary(call(`${link}?wait=300`, { user: guest.client }), guest)

  const ofOwner = await openReady(chat, owner)
  const firstRequest = summary(call(`${link}?wait=300&name=Cem`))
  await ofOwner.next()
  connect("newcomer's open wait at the link", firstRequest)
  connect("owner's open stream", chatStreamSummary(ofOwner))
  connect("owner's open wait", wait(owner))
  connect("member's open stream", chatStreamSummary(await openReady(chat, dan.client)))
  connect("member's open wait", wait(dan.client))
  connect("other guest's open stream", linkStreamSummary(await streamAtLink(ben), ben))
  connect("other guest's open wait", waitAtLink(ben))
  if (isMember) {
    connect("guest's open stream of the chat", chatStreamSummary(await openReady(chat, ana.client)))
    connect("guest's open stream, replayed", chatStreamSummary(await openReady(chat, ana.client, '?last_event_id=0')))
    connect("guest's open wait in the chat", wait(ana.client))
  } else {
    connect("guest's open stream of the link", linkStreamSummary(await streamAtLink(ana), ana))
    connect("guest's open wait at the link", waitAtLink(ana))
  }
  await untilWaiting(server, 5)
}

/** What is asked after the ending, by whom, in this order. */
function asks(scene: Scene): Record<string, () => Promise<string>> {
  const { server, chat, link, otherLink, owner, ana, isMember, ben, dan } = scene
  const [asAna, asDan, asOwner] = [{ user: ana.client }, { user: dan.client }, { user: owner }]
  const approval = `${server.url}/v1/approval?link=${link}`
  const requestOf = async (wanted: string) => {
    const answer = await call(`${chat}/join-requests`, asOwner)
    if (!answer.ok) return summary(answer)
    const listed = joinRequests.parse(await answer.json()).join_requests.find(({ name }) => name === wanted)
    if (listed?.approval_status !== (listed?.state === 'approved')) throw new Error(`${wanted} is ${listed?.state}`)
    return `${listed.state} ${listed.decided_at?.slice(11, 19) ?? ''}`.trim()
  }
  const isOpen = async () => (await call(`HEAD ${link}`)).ok
  return {
    "owner sees the guest's request": () => requestOf('Ana'),
    "owner sees the other's request": () => requestOf('Ben'),
    "owner sees the newcomer's request": () => requestOf('Cem'),
    "owner sees the member's request": () => requestOf('Dan'),
    'owner sees the link': async () => {
      const answer = await call(`${chat}/links`, asOwner)
      const [listed] = answer.ok ? links.parse(await answer.json()).links : []
      return listed ? `${listed.state}, ${listed.pending} pending, ${listed.approved} in` : summary(answer)
    },

    'guest exchanges the link': () => summary(call(link, asAna), ana),
    'guest exchanges it with ?wait': () => summary(call(`${link}?wait=300&user_id=${ana.client}`), ana),
    'guest resumes after pending': () => resume(scene, 'pending'),
    'guest resumes after approved': () => resume(scene, 'approved'),
    'guest resumes after declined': () => resume(scene, 'declined'),
    'guest resumes after closed': () => resume(scene, 'closed'),
    'guest gets the approval status': () => summary(call(approval, asAna)),
    'guest withdraws or leaves': () => summary(call(`DELETE ${link}/request`, asAna)),
    'guest reads': () => summary(call(chat, asAna)),
    'guest reads with ?wait': () => summary(call(`${chat}?wait=300&after=1`, asAna)),
    'guest posts': () => summary(call(chat, { ...asAna, json: { text: 'let me in' } })),
    'guest repeats a post': async () => (isMember ? summary(postOnce(scene)) : '-'),
    'guest follows the chat': () => summary(call(`${chat}/events`, asAna)),
    'guest follows it from the start': () => summary(call(`${chat}/events?last_event_id=0`, asAna)),
    'guest lists links': () => summary(call(`${chat}/links`, asAna)),
    'guest lists join requests': () => summary(call(`${chat}/join-requests`, asAna)),
    'guest closes the chat': () => summary(call(`DELETE ${chat}`, asAna)),
    'guest approves their request': () => summary(approve(link, ana.client, ana.requestId)),
    'guest exchanges another link': () => summary(call(otherLink, asAna)),

    'other guest exchanges the link': () => summary(call(link, { user: ben.client }), ben),
    'member exchanges the link': () => summary(call(link, asDan), dan),
    'member reads': () => summary(call(chat, asDan)),
    'member posts': () => summary(call(chat, { ...asDan, json: { text: 'still here' } })),
    'owner exchanges the link': () => summary(call(link, asOwner)),

    'newcomer checks the link (HEAD)': () => summary(call(`HEAD ${link}`)),
    'newcomer sends an unknown id': () => summary(call(link, { user: STRANGER })),
    'newcomer gets the approval status': () => summary(call(approval)),
    'newcomer opens the link': () => summary(call(link)),
    'newcomer opens it with ?wait': async () => ((await isOpen()) ? '-' : summary(call(`${link}?wait=1`))),

    'owner declines without a code': () => summary(decline(link, owner)),
    'owner declines the guest': () => summary(decline(link, owner, ana.requestId)),
    'owner approves the guest': () => summary(approve(link, owner, ana.requestId))
  }
}

async function resume({ link, ana: guest }: Scene, state: string): Promise<string> {
  const sent = { user: guest.client, headers: { 'last-event-id': state } }
  const answer = await call(`${link}/events`, sent)
  if (answer.status !== 200) return summary(answer)
  await answer.body?.cancel()
  return linkStreamSummary(await openStream(`${link}/events`, sent), guest)
}

/** The status, and the problem or the state; where it is about this guest's request, the ids must be theirs. */
async function summary(answering: Response | Promise<Response>, guest?: Guest): Promise<string> {
  const answer = await answering
  const [status, type] = [answer.status, answer.headers.get('content-type') ?? '']
  if (type.startsWith('text/event-stream')) {
    await answer.body?.cancel()
    return `${status} stream`
  }
  const text = await answer.text()
  if (text === '') return `${status}`
  const body = JSON.parse(text)
  if (guest !== undefined && body.state !== undefined) checkIds(body, guest)
  if (status < 400) return `${status} ${body.state ?? body.approval_status ?? ''}`.trim()
  if (type !== 'application/problem+json' || body.status !== status) throw new Error(`this is no problem: ${text}`)
  const state = body.state === undefined ? '' : ` (${body.state})`
  return `${status} ${body.type.replace('urn:silly-chat:', '')}${state}`
}

function checkIds(body: Record<string, unknown>, { client, requestId }: Guest): void {
  expect([body['client_id'], body['request_id']], 'whose request it is').toEqual([client, requestId])
}

/** What the stream of a chat sends about the ending, up to its end or to the last message. */
async function chatStreamSummary(stream: StreamReader): Promise<string> {
  const events: StreamEvent[] = []
  let event = await stream.next()
  for (; event !== undefined && event.data['text'] !== LAST; event = await stream.next()) events.push(event)
  chatEvents.parse(events.map(({ event, id, data }) => ({ event, data, ...(id && { id: Number(id) }) })))
  // Others may ask to join meanwhile.
  const kinds = [...new Set(events.map(({ event }) => event))].filter((kind) => kind !== 'join_request')
  const namesOf = (kind: string) =>
    events.filter(({ event }) => event === kind).map(({ data }) => data['reason'] ?? data['name'])
  const parts = kinds.map((kind) => `${kind} (${namesOf(kind).join(', ')})`)
  return [...parts, event === undefined ? 'end' : 'goes on'].join(', ')
}

/** The states and reasons up to the end of the stream of a guest at a link. */
async function linkStreamSummary(stream: StreamReader, guest: Guest): Promise<string> {
  const events = await stream.rest()
  linkEvents.parse(events)
  for (const { id, data } of events) {
    checkIds(data, guest)
    const isApproved = id === 'approved'
    const wanted = { state: id, approval_status: isApproved, request_sent_status: true }
    expect(data, `the event ${id}`).toMatchObject({ ...wanted, chat: isApproved ? expect.any(String) : null })
  }
  return [...events.map(({ id, data: { reason } }) => (reason === null ? id : `${id} (${reason})`)), 'end'].join(', ')
}

async function inTime(answer: Promise<string> = Promise.resolve('-')): Promise<string> {
  const over = new AbortController()
  const late = sleep(DEADLINE_MS, NO_ANSWER, { signal: over.signal })
  late.catch(() => undefined)
  try {
    return await Promise.race([answer.catch((error) => `${error}`), late])
  } finally {
    over.abort()
  }
}
