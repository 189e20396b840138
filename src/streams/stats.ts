/** What the live streams of this process have done so far. Plain numbers, since they are added to for every delivery. */
export class StreamStats {
  /** Streams that were opened, by whose they are. */
  readonly opened = { chat: 0, guest: 0 }
  /** Events that were handed to readers, one for each reader. */
  deliveries = 0
  /** Bytes that were handed to the sockets of readers. */
  bytes = 0
  /** Readers that were cut off since they fell too far behind. */
  cutOff = 0
  /** Times that a reader was told that what it has cannot be continued. */
  resets = 0
}
