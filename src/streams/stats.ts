/** Counts of the live streams of this process. Plain numbers, because they change with every delivery. */
export class StreamStats {
  /** Streams that were opened, by kind. */
  readonly opened = { chat: 0, guest: 0 }
  /** Events that were written to readers, counted once for each reader. */
  deliveries = 0
  /** Bytes that were written to the sockets of readers. */
  bytes = 0
  /** Readers that were cut off because they fell too far behind. */
  cutOff = 0
  /** `reset` events that were sent. */
  resets = 0
}
