/**
 * Writes the chunked transfer coding of HTTP/1.1 (RFC 9112, section 7.1): a chunk is its length in hexadecimal, the bytes and
 * a line break; an empty chunk ends the body. A body without that end was cut off. Pure.
 */

/** Ends a body. */
export const LAST_CHUNK = '0\r\n\r\n'

/** Follows the bytes of a chunk. */
export const CHUNK_END = '\r\n'

/** Precedes the bytes of a chunk. `length` is in bytes; 0 would end the body. */
export function chunkStart(length: number): string {
  return `${length.toString(16)}\r\n`
}

/** A text as one chunk of UTF-8; nothing for an empty one. */
export function chunk(text: string): string {
  return text === '' ? '' : `${chunkStart(Buffer.byteLength(text))}${text}${CHUNK_END}`
}
