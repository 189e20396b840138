/** URL normalization that the server and the web page share. */

/** Percent-encoded letters, digits, `-`, `.`, `_` and `~` (RFC 3986, section 2.3), in either case of the hex digits. */
const ENCODED_UNRESERVED = /%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)/gi

/**
 * Decodes unreserved characters, which mean the same with and without percent-encoding (RFC 3986, section 6.2.2.2). Other
 * characters stay encoded, because decoding them can change the path.
 */
export function decodeUnreserved(path: string): string {
  return path.includes('%') ? path.replaceAll(ENCODED_UNRESERVED, decodeURIComponent) : path
}
