/** Keys of one chat from several devices: none is lost, and the best is used. */
import { describe, expect, it } from 'vitest'
import { type ChatKey, entriesOf, keyOf, merged, withoutEnded } from '../../src/web/state/keyring.ts'

const LINK = `/v1/links/${'l'.repeat(36)}`
const CHAT = `https://chat.example/v1/chats/${'c'.repeat(36)}`
const owner = (userId: string, more: Partial<ChatKey> = {}): ChatKey => ({ userId, name: '', since: 1, ...more })
const guest = (userId: string, more: Partial<ChatKey> = {}) => owner(userId, { link: LINK, ...more })
const idsOf = (key: ChatKey | undefined) => key && [key.userId, ...(key.spare ?? []).map(({ userId }) => userId)]

describe('a key from another device', () => {
  it.each([
    ['is used in a chat that this browser is not in', undefined, owner('b'), ['b']],
    ['is the same as before', guest('a'), guest('a'), ['a']],
    ['does not replace the key of the owner', owner('a'), guest('b'), ['a', 'b']],
    ['is used if it is that of the owner', guest('a'), owner('b'), ['b', 'a']],
    ['does not replace another guest', guest('a'), guest('b'), ['a', 'b']],
    ['does not replace another owner', owner('a'), owner('b'), ['a', 'b']],
    ['is used if the present one has ended', guest('a', { hasEnded: true }), guest('b'), ['b', 'a']],
    ['is used if that of the owner has ended', owner('a', { hasEnded: true }), guest('b'), ['b', 'a']],
    ['joins those kept aside', guest('a', { spare: [guest('c')] }), owner('b'), ['b', 'a', 'c']],
    ['is kept once', owner('a', { spare: [guest('b')] }), guest('b'), ['a', 'b']],
    ['is not kept beside itself', guest('a', { spare: [owner('b')] }), owner('b'), ['b', 'a']]
  ])('%s', (_, here, taken, expected) => {
    expect(idsOf(merged(here, taken))).toEqual(expected)
  })

  it('keeps what this browser knows of the chat, and access is tried again', () => {
    const here = guest('a', { name: 'Ana', others: ['Olga'], hasEnded: true })
    expect(merged(here, guest('a', { since: 2 }))).toEqual({ ...here, hasEnded: false })
    expect(merged(here, owner('b', { since: 2 }))).toMatchObject({
      since: 2,
      others: ['Olga'],
      spare: [{ userId: 'a', name: 'Ana', link: LINK, hasEnded: true }]
    })
  })
})

describe('a key that has ended', () => {
  it('makes room for one that was kept aside and has not ended, and is kept itself', () => {
    const spare = [guest('b', { hasEnded: true }), guest('c'), guest('d')]
    expect(idsOf(withoutEnded(owner('a', { spare })))).toEqual(['c', 'b', 'd', 'a'])
    expect(withoutEnded(owner('a'))).toBeUndefined()
    expect(withoutEnded(owner('a', { spare: [guest('b', { hasEnded: true })] }))).toBeUndefined()
  })
})

describe('the keyring of a chat', () => {
  it('has all keys of this browser to it, and gives the same ones on the other device', () => {
    const key = guest('a', { name: 'Ana', spare: [{ userId: 'b', name: '' }] })
    const entries = entriesOf(CHAT, key)
    expect(entries).toEqual([
      { chat: CHAT, role: 'guest', userId: 'a', name: 'Ana', link: `https://chat.example${LINK}` },
      { chat: CHAT, role: 'owner', userId: 'b', name: null, link: null }
    ])
    expect(entries.map((entry) => keyOf(entry, 5))).toEqual([
      guest('a', { name: 'Ana', since: 5 }),
      owner('b', { since: 5 })
    ])
  })

  it('has no name that the page would refuse', () => {
    for (const name of ['a\u202eb', 'Ana: hello', 'x'.repeat(65)]) {
      expect(keyOf({ chat: CHAT, role: 'owner', userId: 'a', name, link: null }, 5).name).toBe('')
    }
  })
})
