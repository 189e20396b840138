/** Checksums: a record that the disk has changed is an error, and never a message, a request or a right. */
import { crc32 } from 'node:zlib'
import type { Change, Disk, Entry } from './disk.ts'

const BYTES = 4

/** A record whose checksum does not fit. Only its own chat suffers from it. */
export class RecordDamaged extends Error {
  override readonly name = 'RecordDamaged'

  constructor() {
    super('a record of the file store is damaged')
  }
}

/** A disk whose values under capital letters end in the CRC-32 of key and value, big-endian. Others have none. */
export function withChecksums(disk: Disk): Disk {
  return {
    get(key) {
      const value = disk.get(key)
      return value && checked(key, value)
    },
    *range(start, end, limit) {
      for (const { key, value } of disk.range(start, end, limit)) yield { key, value: checked(key, value) }
    },
    keysBackwards: (start, end, limit) => disk.keysBackwards(start, end, limit),
    write: (changes) => disk.write(withSums(changes)),
    close: () => disk.close()
  }
}

function* withSums(changes: Iterable<Change>): Iterable<Change> {
  for (const { key, value } of changes) yield { key, value: value && withChecksum(key, value) }
}

/** The value as it is stored under this key. */
export function withChecksum(key: Buffer, value: Buffer): Buffer {
  if (!hasChecksum(key)) return value
  const bytes = Buffer.allocUnsafe(value.length + BYTES)
  value.copy(bytes)
  bytes.writeUInt32BE(sumOf(key, value), value.length)
  return bytes
}

/** @throws RecordDamaged */
function checked(key: Buffer, bytes: Buffer): Entry['value'] {
  if (!hasChecksum(key)) return bytes
  const value = bytes.subarray(0, -BYTES)
  if (bytes.length < BYTES || bytes.readUInt32BE(value.length) !== sumOf(key, value)) throw new RecordDamaged()
  return value
}

function hasChecksum(key: Buffer): boolean {
  const [letter = 0] = key
  return letter >= 0x41 && letter <= 0x5a
}

/** With the key, so that a value under another key is found out as well. */
function sumOf(key: Buffer, value: Buffer): number {
  return crc32(value, crc32(key))
}
