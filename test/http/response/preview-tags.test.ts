/** What the previews of mail and chat programs show of an invitation. */
import { describe, expect, it } from 'vitest'
import { previewTags } from '../../../src/http/response/preview-tags.ts'
import { call, createChat, createLink, idIn, requestsOf } from '../../support/api.ts'
import { rawRequest } from '../../support/raw.ts'
import { startServer } from '../../support/server.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
const AGENTS = [
  'WhatsApp/2.23.20.0 A',
  'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
  'TelegramBot (like TwitterBot)',
  'Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)',
  'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)',
  'Twitterbot/1.0'
]

const NAMED = new Map([
  ['amp', '&'],
  ['lt', '<']
])
const decoded = (text: string) =>
  text.replaceAll(/&(?:#(\d+)|(amp|lt));/g, (_all, code, name) => NAMED.get(name) ?? String.fromCharCode(Number(code)))

/** The contents of the tags by name, and the title of the page. */
function tagsIn(html: string): Record<string, string> {
  const tags = [...html.matchAll(/<meta (?:name|property)="([^"]+)" content="([^"]*)">/g)]
  const all = tags.map(([, name = '', content = '']) => [name, decoded(content)])
  return { ...Object.fromEntries(all), title: decoded(/<title>([^<]*)<\/title>/.exec(html)?.[1] ?? '') }
}

describe('a link preview', () => {
  it('says what an invitation is, with a picture, and knocks at nothing', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    for (const url of [link, `${server.url}/i/${idIn(link)}`, `${link}?name=Ana`, `${link}.`]) {
      for (const agent of AGENTS) {
        const answer = await call(url, { headers: { 'user-agent': agent, accept: '*/*' } })
        const tags = tagsIn(await answer.text())
        expect([url, answer.status, tags]).toMatchObject([
          url,
          200,
          {
            title: 'Invitation to a chat',
            description: expect.stringContaining('owner'),
            'og:type': 'website',
            'og:site_name': 'Silly Chat',
            'og:title': 'Invitation to a chat',
            'og:description': tags['description'],
            'og:image': expect.stringMatching(`^${server.url}/assets/invitation-[^/]+\\.png$`),
            'twitter:card': 'summary_large_image'
          }
        ])
      }
    }
    expect(await requestsOf(chat, owner)).toEqual([])
  })

  it('is the same for every link, known or not, open or not, and in a browser', async () => {
    const server = await startServer()
    const { chat, owner } = await createChat(server)
    const [link, full, revoked, expired] = [
      await createLink(chat, owner),
      await createLink(chat, owner, { max_guests: 1 }),
      await createLink(chat, owner),
      await createLink(chat, owner, { expires_in: 60 })
    ]
    await call(`DELETE ${revoked}`, { user: owner })
    server.clock.now += 61_000
    const unknown = [`${server.url}/i/none`, `${server.url}/v1/links/${'x'.repeat(36)}`]
    const pages = [link, full, revoked, expired, ...unknown].flatMap((url) => [
      call(url, { headers: { 'user-agent': 'WhatsApp/2.1' } }),
      call(url, { headers: { accept: BROWSER } })
    ])
    const bodies = await Promise.all(pages.map(async (page) => (await page).text()))
    expect(new Set(bodies).size).toBe(1)
    for (const secret of [link, revoked, chat]) expect(bodies[0]).not.toContain(idIn(secret))
  })

  it('has absolute URLs on PUBLIC_URL, or on the host of the request', async () => {
    const pictureFor = async (env: Record<string, string>, ...head: string[]) => {
      const { port } = await startServer({ env })
      const { body } = await rawRequest(port, [...head, `Accept: ${BROWSER}`])
      return tagsIn(body)['og:image']?.replace(/-[^/]*\.png$/, '')
    }
    const line = 'GET /i/x HTTP/1.1'
    const PUBLIC_URL = 'https://chat.example/silly/'
    expect(await pictureFor({ PUBLIC_URL }, line, 'Host: evil.example')).toBe(
      'https://chat.example/silly/assets/invitation'
    )
    expect(await pictureFor({}, line, 'Host: a.example:81')).toBe('http://a.example:81/assets/invitation')
    expect(await pictureFor({}, line.replace('/i', 'http://b.example/i'), 'Host: a.example')).toBe(
      'http://b.example/assets/invitation'
    )
    const proxied = ['Host: a', 'X-Forwarded-Host: c.example', 'X-Forwarded-Proto: https']
    expect(await pictureFor({ TRUST_PROXY: 'on' }, line, ...proxied)).toBe('https://c.example/assets/invitation')
  })

  it('has a picture of 1200 × 630 that can be kept and shown everywhere', async () => {
    const server = await startServer()
    const page = await (await call(`${server.url}/i/x`, { headers: { accept: BROWSER } })).text()
    const answer = await call(`${tagsIn(page)['og:image']}`, { headers: { 'sec-fetch-dest': 'image' } })
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/png',
      'cache-control': 'public, max-age=31536000, immutable',
      'cross-origin-resource-policy': 'cross-origin'
    })
    const bytes = Buffer.from(await answer.arrayBuffer())
    // The first chunk of a PNG: https://www.w3.org/TR/png-3/#11IHDR
    expect([bytes.toString('latin1', 1, 4), bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual(['PNG', 1200, 630])
    expect(bytes.length).toBeLessThan(300_000)
  })

  it('is not told of chats and of the start page', async () => {
    const server = await startServer()
    const { chat } = await createChat(server)
    for (const url of [chat, `${server.url}/`]) {
      const page = await (await call(url, { headers: { accept: BROWSER } })).text()
      expect(tagsIn(page)['title']).toBe('Silly Chat')
      expect(page).not.toMatch(/og:|twitter:|description/)
    }
  })

  it('is served while the store is down', async () => {
    let isDown = false
    const server = await startServer({
      wrap: (store) =>
        new Proxy(store, {
          get: (target, name) =>
            isDown ? () => Promise.reject(new Error('the store is down')) : Reflect.get(target, name, target)
        })
    })
    const { chat, owner } = await createChat(server)
    const link = await createLink(chat, owner)
    isDown = true
    for (const headers of [{ accept: BROWSER }, { 'user-agent': 'WhatsApp/2.1' }]) {
      const answer = await call(link, { headers })
      expect([answer.status, tagsIn(await answer.text())['og:title']]).toEqual([200, 'Invitation to a chat'])
    }
  })
})

describe("the title of a chat in a link's preview", () => {
  const picture = 'https://chat.example/invitation.png'

  it.each([
    'Book club',
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onload='x",
    '</title><b>',
    'R&D &amp; &lt;',
    '$& $1 $`',
    '👋🏽 Żółć',
    'נקודה \u202e abc \u2066 <',
    ''
  ])('%j can break nothing and is shown as it is', (title) => {
    const html = previewTags({ picture, title })
    const tags = tagsIn(html)
    expect([tags['title'], tags['og:title']]).toEqual([`Invitation: ${title}`, `Invitation: ${title}`])
    expect(Object.keys(tags)).toEqual(Object.keys(tagsIn(previewTags({ picture, title: null }))))
    // Nothing but the elements that are there without a title.
    const shape = (text: string) => text.replaceAll(/[^<>"'\n]/g, '')
    expect(shape(html)).toBe(shape(previewTags({ picture, title: null })))
  })
})
