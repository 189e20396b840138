/** Checksums: a record that the disk has changed is an error, and never a message, a request or a right. */
import { isUtf8 } from 'node:buffer'
import { crc32 } from 'node:zlib'
import type { Change, Disk, Entry } from './disk.ts'
import { kindIn, OLD_RECORD_BYTES, POST_VALUE_BYTES } from './records.ts'

export const CHECKSUM_BYTES = 4

/** A record whose checksum does not fit. Only its own chat suffers from it. */
export class RecordDamaged extends Error {
  override readonly name = 'RecordDamaged'

  constructor() {
    super('a record of the file store is damaged (silly-chat check finds out which)')
  }
}

/**
 * A disk whose values under capital letters end in the CRC-32 of key and value, big-endian. Of others it checks only the
 * form, which is enough to never send anybody broken JSON. Keys are read without their values.
 */
export function withChecksums(disk: Disk): Disk {
  return {
    ...disk,
    get(key) {
      const value = disk.get(key)
      return value && checked(key, value)
    },
    *range(start, end, limit) {
      for (const { key, value } of disk.range(start, end, limit)) yield { key, value: checked(key, value) }
    },
    write: (changes, options) => disk.write(withSums(changes), options)
  }
}

function* withSums(changes: Iterable<Change>): Iterable<Change> {
  for (const { key, value } of changes) yield { key, value: value && withChecksum(key, value) }
}

/** The value as it is stored under this key. */
export function withChecksum(key: Buffer, value: Buffer): Buffer {
  if (!hasChecksum(key)) return value
  const bytes = Buffer.allocUnsafe(value.length + CHECKSUM_BYTES)
  value.copy(bytes)
  bytes.writeUInt32BE(sumOf(key, value), value.length)
  return bytes
}

/**
 * The value that was stored as these bytes.
 * @throws RecordDamaged
 */
export function checked(key: Buffer, bytes: Buffer): Entry['value'] {
  if (!hasChecksum(key)) {
    if (!hasForm(key, bytes)) throw new RecordDamaged()
    return bytes
  }
  const value = bytes.subarray(0, -CHECKSUM_BYTES)
  if (bytes.length < CHECKSUM_BYTES || bytes.readUInt32BE(value.length) !== sumOf(key, value)) throw new RecordDamaged()
  return value
}

/** Whether this can be the value of a record that version 1 of the format has stored. */
function hasForm(key: Buffer, value: Buffer): boolean {
  switch (kindIn(key)) {
    case 'c':
      return value.length === OLD_RECORD_BYTES
    case 'p':
      return value.length === POST_VALUE_BYTES
    case 'd':
    case 'm':
    case 'j':
      return isUtf8(value) && isJsonObject(value.toString())
    default:
      return true
  }
}

function isJsonObject(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null
  } catch {
    // A SyntaxError.
    return false
  }
}

export function hasChecksum(key: Buffer): boolean {
  const [letter = 0] = key
  return letter >= 0x41 && letter <= 0x5a
}

/** With the key, so that a value under another key is found out as well. */
function sumOf(key: Buffer, value: Buffer): number {
  return crc32(value, crc32(key))
}
