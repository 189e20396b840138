/** Misspelled names are refused instead of ignored, and what others add to links is ignored. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  approve,
  call,
  createChat,
  createLink,
  knock,
  linksOf,
  post,
  problemOf,
  requestsOf
} from '../../support/api.ts'
import { rawRequest } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'

async function aDoor() {
  const server = await startServer()
  const { chat, owner } = await createChat(server)
  const link = await createLink(chat, owner)
  return { server, chat, owner, link, approval: `${server.url}/v1/approval`, links: `${server.url}/v1/links` }
}

/** The paths in `errors` of an answer that must be 400. */
async function wrongNames(answer: Response): Promise<unknown> {
  const { kind, errors = [] } = await problemOf(answer)
  expect([answer.status, kind]).toEqual([400, 'invalid-request'])
  return errors.map(({ path }) => path)
}

/** Parameters that mail programs, advertisers, social networks and shorteners add to links. */
const ADDED =
  `utm_source utm_medium utm_campaign utm_term utm_content utm_id utm_name utm_source_platform fbclid gclid gclsrc
  dclid gbraid wbraid msclkid twclid ttclid li_fat_id igshid igsh mc_cid mc_eid _hsenc _hsmi __hssc __hstc hsCtaTracking
  mkt_tok vero_id vero_conv oly_anon_id oly_enc_id rb_clickid s_cid wickedid yclid ysclid _openstat epik srsltid _ga _gl
  _kx _ke cid uid sid tid pid ref ref_src referrer source src campaign medium share si feature spm scm trk trkCampaign
  click_id clickid user token email e lang locale v id type key page session_id visitor_id email_id name_id foo`
    .split(/\s+/)
    .filter(Boolean)

describe('a parameter that others add to a link', () => {
  it('is ignored', async () => {
    const { server, chat, owner, link } = await aDoor()
    for (const [index, name] of ADDED.entries()) {
      const answer = await call(`${link}?${name}=4f0b8f9e-1f57-4c0e-8d6c-5f3c7a9be2d4&name=${index}&${name}=y`)
      expect([name, answer.status]).toEqual([name, 202])
    }
    expect((await requestsOf(chat, owner)).map(({ name }) => name)).toEqual([...ADDED.keys()].map(String))
    const all = ADDED.map((name) => `${name}=x`).join('&')
    expect((await call(`${chat}?${all}`, { user: owner })).status).toBe(200)
    expect((await call(`${server.url}/v1/approval?link=${link}&${all.replace(/\b(id|code)=x&/g, '')}`)).status).toBe(
      200
    )
  })

  it('is ignored in bodies as well', async () => {
    const { chat, owner, links } = await aDoor()
    const extra = { ...Object.fromEntries(ADDED.map((name) => [name, 'x'])), constructor: 1, toString: 2 }
    expect((await call(links, { json: { ...extra, chat } })).status).toBe(201)
    expect((await call(chat, { user: owner, json: { ...extra, text: 'x' } })).status).toBe(201)
  })
})

describe('a known name', () => {
  it('is accepted in another spelling', async () => {
    const { chat, owner, link, links, approval } = await aDoor()
    await call(`${link}?NAME=Ana`)
    const [ana] = await requestsOf(chat, owner)
    expect(ana?.name).toBe('Ana')
    const made = await call(links, { json: { Chat: chat, expiresIn: 60, 'max-guests': 2 } })
    expect(await made.json()).toMatchObject({ max_guests: 2, expires_at: expect.any(String) })
    await knock(link, 'Ben')
    const json = { LINK: link, requestId: ana?.request_id, approvalStatus: false }
    expect(await (await call(approval, { user: owner, json })).json()).toMatchObject({
      request_id: ana?.request_id,
      state: 'declined'
    })
    const asked = await call(`${approval}?Link=${link}&requestId=${ana?.request_id}`)
    expect(await asked.json()).toEqual({ approval_status: false })
    expect((await call(chat, { user: owner, json: { Text: 'x' } })).status).toBe(201)
    expect(await (await call(`${chat}?Limit=1&AFTER=0`, { user: owner })).json()).toMatchObject({
      messages: [{ text: 'x' }]
    })
  })

  it('can be given twice with the same value, but not with different ones', async () => {
    const { chat, owner, links } = await aDoor()
    expect((await call(links, { json: { chat, max_guests: 2, maxGuests: 2 } })).status).toBe(201)
    expect(await wrongNames(await call(links, { json: { chat, max_guests: 2, maxGuests: 3 } }))).toEqual([
      'max_guests',
      'maxGuests'
    ])
    expect((await call(`${chat}?limit=2&Limit=2&LIMIT=`, { user: owner })).status).toBe(200)
    expect(await wrongNames(await call(`${chat}?limit=2&Limit=3`, { user: owner }))).toEqual(['limit', 'Limit'])
    expect(await linksOf(chat, owner)).toHaveLength(2)
  })

  it.each([
    'limit=1&limit=2',
    'after=0&after=0',
    'wait=1&wait=1',
    'last_event_id=0&last_event_id=1',
    'Limit=1&Limit=1'
  ])('in a query counts once: %s is 400', async (query) => {
    const { chat, owner } = await aDoor()
    const problem = await problemOf(await call(`${chat}?${query}`, { user: owner }))
    const path = query.split('=')[0]
    expect(problem).toMatchObject({ status: 400, errors: [{ path, message: `Send \`${path}\` once.` }] })
  })

  it('is accepted once in the query of every route', async () => {
    const { chat, owner, link, approval } = await aDoor()
    for (const [url, path] of [
      [`${link}?name=a&name=b`, 'name'],
      [`${chat}/events?last_event_id=0&last_event_id=1`, 'last_event_id'],
      [`${approval}?link=${link}&link=${link}`, 'link'],
      [`${approval}?link=${link}&request_id=a&request_id=b`, 'request_id']
    ] as const) {
      expect(await wrongNames(await call(url, { user: owner }))).toEqual([path])
    }
    expect(await requestsOf(chat, owner)).toEqual([])
  })

  it('is named as it was sent if its value is invalid', async () => {
    const { chat, links } = await aDoor()
    expect(await wrongNames(await call(links, { json: { chat, maxGuests: 0 } }))).toEqual(['maxGuests'])
  })
})

describe('a name with one typo', () => {
  it.each([
    ['limt', 'limit'],
    ['limits', 'limit'],
    ['lmiit', 'limit'],
    ['limjt', 'limit'],
    ['afer', 'after'],
    ['Aftre', 'after'],
    ['waitt', 'wait'],
    ['lst', 'last'],
    ['lasst', 'last'],
    ['befor', 'before'],
    ['last_even_id', 'after']
  ])('%s is 400 and asks for %s, unless that is there too', async (sent, meant) => {
    const { chat, owner } = await aDoor()
    const problem = await problemOf(await call(`${chat}?${sent}=1`, { user: owner }))
    expect(problem).toMatchObject({
      status: 400,
      kind: 'invalid-request',
      errors: [{ path: sent, message: `Did you mean \`${meant}\`?` }]
    })
    expect((await call(`${chat}?${sent}=1&${meant}=`, { user: owner })).status).toBe(200)
    expect((await call(`${chat}?${sent}=`, { user: owner })).status).toBe(200)
  })

  it('is refused and has no effect, in bodies and at a link', async () => {
    const { chat, owner, link, links, approval } = await aDoor()
    for (const name of ['nme', 'nane', 'naem', 'names', 'wiat']) {
      expect(await wrongNames(await call(`${link}?${name}=1`))).toEqual([name])
    }
    expect(await requestsOf(chat, owner)).toEqual([])
    await knock(link)
    for (const name of ['aproval_status', 'approval_statu', 'request_ids']) {
      const json = { link, [name]: false }
      expect((await call(approval, { user: owner, json })).status).toBe(400)
    }
    expect(await requestsOf(chat, owner)).toMatchObject([{ state: 'pending' }])
    for (const name of ['expire_in', 'max_guest', 'maxguesst']) {
      expect(await wrongNames(await call(links, { json: { chat, [name]: 60 } }))).toEqual([name])
    }
    expect(await linksOf(chat, owner)).toHaveLength(1)
    expect(await wrongNames(await call(chat, { user: owner, json: { tetx: 'x' } }))).toEqual(['tetx'])
  })

  it('is listed in `errors` twenty times at most', async () => {
    const { chat, owner } = await aDoor()
    const spellings = Array.from(
      { length: 900 },
      (_, index) => `te${'_'.repeat(index % 30)}x${'-'.repeat(index / 30)}t`
    )
    const letters = [...'ABCDEFGHIJKLMNOPQRSUVWXYZabcdefghijklmnopqrsuvwxyz']
    for (const names of [spellings, letters.map((letter) => `tex${letter}`)]) {
      const json = Object.fromEntries(names.map((name, index) => [name, index]))
      const answer = await call(chat, { user: owner, json })
      const { errors = [] } = await problemOf(answer)
      expect([answer.status, [2, 20].includes(errors.length)]).toEqual([400, true])
    }
  })
})

describe('approval_status', () => {
  it.each([
    'approved',
    'approve',
    'approval',
    'declined',
    'Decline',
    'state',
    'status',
    'verdict',
    'rejected',
    'isApproved',
    'aproved'
  ])('in the word %s lets nobody in: it is 400 and names approval_status', async (word) => {
    const { chat, owner, link, approval } = await aDoor()
    await knock(link)
    for (const value of [false, true, 'declined', null]) {
      const problem = await problemOf(await call(approval, { user: owner, json: { link, [word]: value } }))
      expect(problem).toMatchObject({
        status: 400,
        errors: [{ path: word, message: expect.stringContaining('`approval_status`') }]
      })
    }
    expect(await requestsOf(chat, owner)).toMatchObject([{ state: 'pending' }])
  })

  it('is refused in the query', async () => {
    const { chat, owner, link, approval } = await aDoor()
    await knock(link)
    for (const query of ['approval_status=false', 'approvalStatus=false', 'approved=false', 'request_id=7QF2-9KXM']) {
      const answer = await call(`${approval}?${query}`, { user: owner, json: { link } })
      expect(await wrongNames(answer)).toEqual([query.split('=')[0]])
    }
    expect(await requestsOf(chat, owner)).toMatchObject([{ state: 'pending' }])
  })

  it('can be sent in a whole join request', async () => {
    const { chat, owner, link, approval } = await aDoor()
    await knock(link, 'Ana')
    const [request] = await requestsOf(chat, owner)
    const answer = await call(approval, { user: owner, json: { ...request, approval_status: true } })
    expect(await answer.json()).toMatchObject({ state: 'approved' })
    const again = await call(approval, { user: owner, json: await (await approve(link, owner)).json() })
    expect(again.status).toBe(200)
  })

  it('in a whole join request does not send the own note of a guest back', async () => {
    const { chat, owner, link, approval } = await aDoor()
    await call(`${link}?note=hello`)
    const [request] = await requestsOf(chat, owner)
    const answer = await call(approval, { user: owner, json: { ...request, approval_status: true } })
    expect(await answer.json()).toMatchObject({ state: 'approved' })
    const guest = z.object({ client_id: z.string() }).parse(await (await call(`${link}?note=bye`)).json())
    const [, asked] = await requestsOf(chat, owner)
    expect((await call(approval, { user: owner, json: { ...asked, approval_status: false } })).status).toBe(200)
    expect(await problemOf(await call(link, { user: guest.client_id }))).toMatchObject({ kind: 'declined', note: null })
  })

  it.each(['id', 'request', 'name', 'code', 'joinRequestId'])(
    'with a request named by %s does not decide on another pending request',
    async (word) => {
      const { chat, owner, link, approval } = await aDoor()
      await knock(link, 'Mallory')
      const json = { link, approval_status: true, [word]: 'Ana' }
      expect(await wrongNames(await call(approval, { user: owner, json }))).toEqual([word])
      expect(await requestsOf(chat, owner)).toMatchObject([{ state: 'pending' }])
    }
  )
})

describe('a limit of a link', () => {
  it.each([
    ['expires_at', '2030-01-01T00:00:00.000Z', 'expires_in'],
    ['expiresAt', 60, 'expires_in'],
    ['ttl', 60, 'expires_in'],
    ['max_uses', 1, 'max_guests']
  ])('called %s is 400 instead of none', async (name, value, meant) => {
    const { chat, owner, links } = await aDoor()
    const problem = await problemOf(await call(links, { json: { chat, [name]: value } }))
    expect(problem).toMatchObject({
      status: 400,
      errors: [{ path: name, message: expect.stringContaining(`Send \`${meant}\`: a number of `) }]
    })
    expect(await linksOf(chat, owner)).toHaveLength(1)
    expect((await call(links, { json: { chat, [name]: null } })).status).toBe(201)
    expect((await call(links, { json: { chat, [name]: value, [meant]: 60 } })).status).toBe(201)
  })

  it('is refused in the query unless the body has it, too', async () => {
    const { chat, owner, links } = await aDoor()
    for (const query of ['expires_in=60', 'maxGuests=1', 'ttl=60']) {
      expect(await wrongNames(await call(`${links}?${query}`, { json: { chat } }))).toEqual([query.split('=')[0]])
    }
    expect((await call(`${links}?expires_in=60&utm_source=x`, { json: { chat, expires_in: 90 } })).status).toBe(201)
    expect(await linksOf(chat, owner)).toHaveLength(2)
  })
})

describe('the cursor of a chat', () => {
  it('can be sent as last_event_id, as answers call it', async () => {
    const { chat, owner } = await aDoor()
    const first = await post(chat, owner, 'a')
    await post(chat, owner, 'b')
    const texts = async (query: string) => {
      const { messages } = JSON.parse(await (await call(`${chat}?${query}`, { user: owner })).text())
      return messages.map(({ text }: { text: string }) => text)
    }
    for (const name of ['after', 'last_event_id', 'lastEventId', 'Last-Event-ID']) {
      expect(await texts(`${name}=${first}`)).toEqual(['b'])
      expect(await texts(`${name}=`)).toEqual(['a', 'b'])
    }
    expect(await texts(`after=${first}&last_event_id=${first}`)).toEqual(['b'])
    const both = await call(`${chat}?after=0&last_event_id=${first}`, { user: owner })
    expect(await wrongNames(both)).toEqual(['after', 'last_event_id'])
    for (const name of ['since', 'cursor', 'offset', 'per_page']) {
      expect(await wrongNames(await call(`${chat}?${name}=1`, { user: owner }))).toEqual([name])
    }
  })
})

describe('a value in the wrong place', () => {
  it('a body of a GET is refused and records no request', async () => {
    const { server, chat, owner, link } = await aDoor()
    const body = '{"client_id":"4f0b8f9e-1f57-4c0e-8d6c-5f3c7a9be2d4"}'
    const ask = (path: string, ...lines: string[]) =>
      rawRequest(server.port, [`GET ${path} HTTP/1.1`, 'Host: a', `Content-Length: ${body.length}`, ...lines], body)
    const refused = await ask(new URL(link).pathname, 'Content-Type: application/json')
    expect(refused.status).toBe(400)
    expect(JSON.parse(refused.body)).toMatchObject({
      errors: [{ path: '', message: expect.stringContaining('query') }]
    })
    expect((await ask(new URL(chat).pathname)).status).toBe(401)
    expect((await ask(new URL(chat).pathname, `Authorization: Bearer ${owner}`)).status).toBe(400)
    expect(await requestsOf(chat, owner)).toEqual([])
    const empty = ['Host: a', 'Content-Length: 0', 'Content-Type: application/json']
    expect((await rawRequest(server.port, [`GET ${new URL(link).pathname} HTTP/1.1`, ...empty])).status).toBe(202)
  })

  it('an idempotency key in a body is refused, because it would not prevent a second post', async () => {
    const { chat, owner } = await aDoor()
    for (const name of ['idempotency_key', 'idempotencyKey', 'Idempotency-Key']) {
      expect(await wrongNames(await call(chat, { user: owner, json: { text: 'x', [name]: 'k' } }))).toEqual([name])
    }
  })
})
