import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalizeTarget, splitTarget } from '../../../src/http/request/request-target.ts'

const part = fc.string({ unit: fc.constantFrom(...'/aZ09-._~%25fF2DeE;,:@!$&\'()*+=?#[]"<> \\') })
const target = fc.tuple(fc.constantFrom('/', 'http://a/', 'HTTPS://a:1/', '*'), part).map((parts) => parts.join(''))

describe('a request target', () => {
  it('is split into parts that together are the whole', () => {
    fc.assert(
      fc.property(target, (text) => {
        const { authority, path, rest } = splitTarget(text)
        expect(authority + path + rest).toBe(text)
        expect(path).not.toMatch(/[?#]/)
      })
    )
  })

  it('has one spelling with a path that can be decoded and an unchanged query', () => {
    fc.assert(
      fc.property(target, (text) => {
        const normal = normalizeTarget(text)
        expect(normalizeTarget(normal)).toBe(normal)
        expect(() => decodeURIComponent(splitTarget(normal).path)).not.toThrow()
        expect(splitTarget(normal).rest).toBe(splitTarget(text).rest)
      })
    )
  })

  it.each([
    ['/v1/%63%48ats/%2D%5f%7e%2E%30?a=%2D', '/v1/cHats/-_~.0?a=%2D'],
    ['http://a/%76%31', 'http://a/v1'],
    ['/a%2Fb%2f%5C%00%25%20%3B', '/a%2Fb%2f%5C%00%25%20%3B'],
    ['/%2541', '/%2541'],
    ['/%zz%41', '/%25zz%2541'],
    ['/%C1%B6', '/%25C1%25B6'],
    ['/a?%zz', '/a?%zz']
  ])('%s is %s', (sent, normal) => {
    expect(normalizeTarget(sent)).toBe(normal)
  })
})
