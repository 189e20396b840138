import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  digestOf,
  newChatId,
  newLinkId,
  newRequestId,
  newUserId,
  readChatId,
  readLinkId,
  readRequestId,
  readUserId,
  tagOf
} from '../../src/chat/ids.ts'
import { chatUrl, linkUrl, readChatUrl, readLinkUrl } from '../../src/wire/urls.ts'

describe('opaque ids', () => {
  it('match the schema and are read back', () => {
    const chat = newChatId()
    const link = newLinkId(tagOf(chat))
    expect(chat).toMatch(/^[A-Za-z0-9_-]{22,}$/)
    expect(link).toMatch(/^[A-Za-z0-9_-]{22,}$/)
    expect(readChatId(chat)).toBe(chat)
    expect(readLinkId(link)).toBe(link)
  })

  it('of a chat and its links share only the tag', () => {
    const chat = newChatId()
    const link = newLinkId(tagOf(chat))
    expect(tagOf(link)).toBe(tagOf(chat))
    // 128 bits are 22 characters of base64url.
    expect(chat.length - tagOf(chat).length).toBeGreaterThanOrEqual(22)
    expect(link.slice(tagOf(link).length)).not.toBe(chat.slice(tagOf(chat).length))
  })

  it('end in any letter or digit, because mail programs cut off everything else', () => {
    const ids = Array.from({ length: 2000 }, newChatId).flatMap((chat) => [chat, newLinkId(tagOf(chat))])
    expect(ids.filter((id) => !/^[A-Za-z0-9_-]{35}[A-Za-z0-9]$/.test(id))).toEqual([])
    expect(new Set(ids.map((id) => id.slice(-1))).size).toBe(62)
  })

  it('of older versions that end in a sign are still read', () => {
    for (const sign of ['-', '_']) {
      const old = newChatId().slice(0, -1) + sign
      expect([readChatId(old), readLinkId(old)]).toEqual([old, old])
    }
  })

  it('are not read from anything else', () => {
    fc.assert(fc.property(fc.string(), (text) => readChatId(text) === undefined && readLinkId(text) === undefined))
  })
})

describe('user ids', () => {
  it('are UUIDv4, read in any case, and stored as digests', () => {
    const user = newUserId()
    expect(user).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(readUserId(user.toUpperCase())).toBe(user)
    expect(digestOf(user)).not.toContain(user.slice(0, 8))
  })

  it.each(['', 'x', `${newUserId()} `, `{${newUserId()}}`, newUserId().replaceAll('-', '')])('cannot be %j', (text) => {
    expect(readUserId(text)).toBeUndefined()
  })
})

describe('request ids', () => {
  const lookAlikes: Record<string, string[]> = { '0': ['0', 'o', 'O'], '1': ['1', 'i', 'I', 'l', 'L'] }

  it('are eight Crockford symbols', () => {
    expect(newRequestId()).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/)
  })

  it('are read in every spelling', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), fc.array(fc.nat(8)), (choices, dashes) => {
        const id = newRequestId()
        const symbols = [...id.replace('-', '')].map((symbol) => {
          const spellings = lookAlikes[symbol] ?? [symbol, symbol.toLowerCase()]
          return spellings[choices.next().value % spellings.length] ?? symbol
        })
        for (const at of dashes) symbols.splice(at, 0, '-')
        return readRequestId(symbols.join('')) === id
      })
    )
  })

  it.each(['', '7QF2-9KX', '7QF2-9KXMM', '7QF2-9KXU', '7QF2 9KXM', '７QF2-9KXM', 'ſQF2-9KXM', 'ıııııııı', 'ßßßß'])(
    'cannot be %j',
    (typed) => {
      expect(readRequestId(typed)).toBeUndefined()
    }
  )
})

describe('URLs that people send', () => {
  const chat = newChatId()
  const link = newLinkId(tagOf(chat))

  it.each([
    chatUrl('http://localhost:8000', chat),
    `${chatUrl('https://elsewhere.example/some/path', chat)}/`,
    `${chatUrl('http://localhost', chat)}?utm_source=mail#top`,
    ` ${chatUrl('HTTP://LOCALHOST', chat)}`
  ])('%s names the chat', (url) => {
    expect(readChatUrl(url)).toEqual({ id: chat })
  })

  it('name no chat if the id has another length', () => {
    expect(readChatUrl(`http://localhost/v1/chats/${'a'.repeat(22)}`)).toEqual({ id: undefined })
  })

  it.each([
    chat,
    `/v1/chats/${chat}`,
    `ftp://localhost/v1/chats/${chat}`,
    linkUrl('http://localhost', link),
    `http://localhost/v1/chats/${chat}/events`,
    `http://localhost/v1/chats/${chat}//`,
    `http://localhost/v1/chats/short`,
    `http://localhost/?/v1/chats/${chat}`,
    ''
  ])('%s names no chat', (url) => {
    expect(readChatUrl(url)).toBeUndefined()
  })

  it('of a link are read', () => {
    expect(readLinkUrl(linkUrl('http://localhost', link))).toEqual({ id: link })
    expect(readLinkUrl(chatUrl('http://localhost', chat))).toBeUndefined()
  })

  it('mean the same if they are percent-encoded, in either case', () => {
    fc.assert(
      fc.property(fc.constantFrom('chats' as const, 'links' as const), fc.infiniteStream(fc.nat(2)), (noun, ways) => {
        const id = noun === 'chats' ? chat : link
        const path = `v1/${noun}/${id}`.replaceAll(/[\w-]/g, (character) => {
          const encoded = `%${character.charCodeAt(0).toString(16)}`
          return [character, encoded, encoded.toUpperCase()][ways.next().value ?? 0] ?? character
        })
        const read = noun === 'chats' ? readChatUrl : readLinkUrl
        expect(read(`http://localhost/${path}?utm_source=mail`)).toEqual({ id })
      })
    )
  })

  it.each([
    ['//', (url: string) => url.replace('/v1', '//v1/').replace('/chats', '//chats')],
    ['an encoded slash', (url: string) => url.replace(/\/(?=[^/]*$)/, '%2f')],
    ['an encoded slash behind it', (url: string) => `${url}%2F`],
    ['dots and an encoded slash', (url: string) => `${url}/..%2f`],
    ['a parameter of the path', (url: string) => `${url};x`],
    ['NUL', (url: string) => `${url}%00`],
    [
      'an encoding of an encoding',
      (url: string) => url.replace(/.$/, (last) => `%25${last.charCodeAt(0).toString(16)}`)
    ],
    ['full-width letters', (url: string) => url.replace('/v1', '/%EF%BD%961')],
    ['overlong UTF-8', (url: string) => url.replace('/v1', '/%C1%B61')],
    ['upper case', (url: string) => url.replace('/v1', '/V1')],
    ['half an escape', (url: string) => `${url}%4`]
  ])('with %s in the path name nothing', (_what, change) => {
    expect(readChatUrl(change(chatUrl('http://localhost', chat)))?.id).toBeUndefined()
  })

  it('never throw', () => {
    fc.assert(fc.property(fc.oneof(fc.webUrl(), fc.string()), (text) => readChatUrl(text)?.id === undefined))
  })
})
