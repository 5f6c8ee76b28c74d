/** How much may wait, and what happens to more. */
export interface QueueLimits {
  /** How many messages may wait. Does not bind while the flow is free. */
  readonly maxMessages: number;
  /** How many bytes (topics, payloads, properties) may wait, also while the flow is free and only the window holds them. */
  readonly maxBytes: number;
  /** Who loses when there is no room: the message that is added, or the oldest ones that wait. */
  readonly overflow: 'dropNewest' | 'dropOldest';
}

/** How much may be published in a second. Waiting happens in the outbox, and what is sent again counts again. */
export interface RateLimit {
  /** How many may be sent in any second, wherever it begins. */
  readonly publishesPerSecond: number;
  /** Topics, payloads and properties together. */
  readonly bytesPerSecond: number;
}
