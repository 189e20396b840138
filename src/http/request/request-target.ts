/** The target of a request (RFC 9112, section 3.2), in the one spelling that all other code expects. */
import { decodeUnreserved } from '../../wire/unreserved.ts'

export interface Target {
  /** Scheme and authority of a target in absolute form; empty for most. */
  readonly authority: string
  readonly path: string
  /** Begins with `?` or `#`; empty for none. */
  readonly rest: string
}

export function splitTarget(target = '/'): Target {
  const [, authority = '', path = '', rest = ''] = /^(https?:\/\/[^/?#]*)?([^?#]*)(.*)$/is.exec(target) ?? []
  return { authority, path, rest }
}

/**
 * Equivalent paths become equal (RFC 3986, section 6.2.2.2). In a path that cannot be decoded every `%` stands for itself, so
 * that any id reaches its route: Fastify would refuse such a URL before any hook has run.
 */
export function normalizeTarget(target = '/'): string {
  if (!target.includes('%')) return target
  const { authority, path, rest } = splitTarget(target)
  return authority + (isDecodable(path) ? decodeUnreserved(path) : path.replaceAll('%', '%25')) + rest
}

/**
 * `/i/<opaque>` is how people see `/v1/links/<opaque>`, and everything below it is the same as well. Routes, limits, logs and
 * metrics know the long form alone. `target` is spelled as `normalizeTarget` does.
 */
export function expandInvitation(target: string): string {
  if (!target.includes('/i/')) return target
  const { authority, path, rest } = splitTarget(target)
  return /^\/i\/[^/]/.test(path) ? `${authority}/v1/links/${path.slice('/i/'.length)}${rest}` : target
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}
