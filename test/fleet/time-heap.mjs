// @ts-check

/** Devices by the time of their next attempt: the earliest first, of those at the same time the lower one. */
export class TimeHeap {
  #size = 0;
  #at;
  #device;

  /** @param {number} capacity */
  constructor(capacity) {
    this.#at = new Float64Array(capacity + 1);
    this.#device = new Uint32Array(capacity + 1);
  }

  /**
   * @param {number} at
   * @param {number} device
   */
  add(at, device) {
    let place = ++this.#size;
    for (let parent = place >> 1; parent > 0 && this.#isBefore(at, device, parent); parent >>= 1) {
      this.#move(parent, place);
      place = parent;
    }
    this.#set(place, at, device);
  }

  /** @returns {{ at: number, device: number } | undefined} */
  take() {
    if (this.#size === 0) return undefined;
    const first = { at: this.#at[1] ?? 0, device: this.#device[1] ?? 0 };
    const [at, device] = [this.#at[this.#size] ?? 0, this.#device[this.#size] ?? 0];
    this.#size -= 1;
    let place = 1;
    for (let child = 2; child <= this.#size; child = place * 2) {
      const right = child + 1;
      if (right <= this.#size && this.#isBefore(this.#at[right] ?? 0, this.#device[right] ?? 0, child))
        child = right;
      if (this.#isBefore(at, device, child)) break;
      this.#move(child, place);
      place = child;
    }
    this.#set(place, at, device);
    return first;
  }

  /**
   * @param {number} at
   * @param {number} device
   * @param {number} place
   */
  #isBefore(at, device, place) {
    const other = this.#at[place] ?? 0;
    return at < other || (at === other && device < (this.#device[place] ?? 0));
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #move(from, to) {
    this.#set(to, this.#at[from] ?? 0, this.#device[from] ?? 0);
  }

  /**
   * @param {number} place
   * @param {number} at
   * @param {number} device
   */
  #set(place, at, device) {
    this.#at[place] = at;
    this.#device[place] = device;
  }
}
