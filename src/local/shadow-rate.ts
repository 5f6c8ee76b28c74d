const WINDOW_MS = 1_000;

/** How many requests each thing has had in the last second. */
export class ShadowRate {
  readonly #perSecond: number;
  readonly #now: () => number;
  /** When each thing was last asked about, the thing that was asked about longest ago first. */
  readonly #requests = new Map<string, readonly number[]>();

  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** Counts a request, unless there were too many. */
  allows(thingName: string): boolean {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return true;
    const now = this.#now();
    this.#forget(now - WINDOW_MS);
    const recent = (this.#requests.get(thingName) ?? []).filter((at) => at > now - WINDOW_MS);
    if (recent.length >= this.#perSecond) return false;
    this.#requests.delete(thingName);
    this.#requests.set(thingName, [...recent, now]);
    return true;
  }

  /** Things that nobody has asked about since then. */
  #forget(since: number): void {
    for (const [thingName, times] of this.#requests) {
      if ((times.at(-1) ?? 0) > since) return;
      this.#requests.delete(thingName);
    }
  }
}
