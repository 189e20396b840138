/** What the server and its page agree on about equal URLs. */

/** Percent-encoded letters, digits, `-`, `.`, `_` and `~` (RFC 3986, section 2.3), in either case of the hex digits. */
const ENCODED_UNRESERVED = /%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)/gi

/**
 * RFC 3986, section 6.2.2.2: with or without percent-encoding, unreserved characters mean the same. Anything else keeps its
 * encoding, since without it the path could be another one.
 */
export function decodeUnreserved(path: string): string {
  return path.includes('%') ? path.replaceAll(ENCODED_UNRESERVED, decodeURIComponent) : path
}
