import type { ChartPicture } from './chart-picture.ts';
import { button, byId, mark } from './element.ts';
import { scaleOf, type Zoom, zoomed } from './zoom.ts';

const SCROLLING_KEYS = /^(Arrow|Page|Home|End)/;
const MARGIN = 24;

/** The window on a picture: how large it is, and which part is seen. It follows what is active until the reader scrolls. */
export class ChartFrame {
  readonly #frame = byId('chart-frame');
  readonly #follow: HTMLButtonElement;
  readonly #whole: HTMLButtonElement;
  readonly #original: HTMLButtonElement;
  #picture: ChartPicture | undefined;
  #zoom: Zoom = 'comfortable';
  #scale = 1;
  #follows = true;

  constructor() {
    const tools = byId('chart-tools');
    this.#follow = button('', 'Follow', () => this.#setFollows(!this.#follows));
    this.#follow.title = 'Keep the active state in sight';
    this.#whole = button('', 'Fit', () => this.#setZoom(this.#zoom === 'whole' ? 'comfortable' : 'whole'));
    this.#whole.title = 'The whole chart at once (0)';
    this.#original = button('', '100 %', () => this.#setZoom(1));
    this.#original.title = 'Original size (1)';
    const out = button('', '−', () => this.#step(-1));
    const into = button('', '+', () => this.#step(1));
    mark(out, { 'aria-label': 'Smaller' });
    mark(into, { 'aria-label': 'Larger' });
    tools.append(this.#follow, this.#whole, this.#original, out, into);
    this.#listen();
    new ResizeObserver(() => this.#resize()).observe(this.#frame);
    this.#drawTools();
  }

  hold(picture: ChartPicture | undefined): void {
    this.#picture = picture;
    byId('chart-tools').hidden = picture === undefined;
    this.#frame.replaceChildren(...(picture === undefined ? [] : [picture.element]));
    this.#follows = true;
    this.#resize();
    this.#frame.scrollTo(0, 0);
  }

  /** Scrolls to what is active when that is out of sight. */
  followActive(): void {
    const box = this.#follows ? this.#picture?.activeLeaves()[0] : undefined;
    if (box === undefined) return;
    const seen = this.#frame.getBoundingClientRect();
    const there = box.getBoundingClientRect();
    const isInSight =
      there.left >= seen.left &&
      there.right <= seen.right &&
      there.top >= seen.top &&
      there.bottom <= seen.bottom;
    if (isInSight) return;
    this.#frame.scrollBy({
      left: middle(there.left, there.width) - middle(seen.left, seen.width),
      top: middle(there.top, there.height) - middle(seen.top, seen.height),
      behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth',
    });
  }

  #listen(): void {
    const frame = this.#frame;
    mark(frame, { tabindex: 0 });
    frame.addEventListener('keydown', (event) => this.#press(event));
    frame.addEventListener('touchmove', () => this.#setFollows(false), { passive: true });
    frame.addEventListener('pointerdown', (event) => this.#drag(event));
    frame.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey) this.#setFollows(false);
        else {
          event.preventDefault();
          this.#step(event.deltaY < 0 ? 1 : -1, event);
        }
      },
      { passive: false },
    );
  }

  #press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (SCROLLING_KEYS.test(event.key)) this.#setFollows(false);
    else if (event.key === '+' || event.key === '=') this.#step(1);
    else if (event.key === '-') this.#step(-1);
    else if (event.key === '0') this.#setZoom('whole');
    else if (event.key === '1') this.#setZoom(1);
  }

  #drag(down: PointerEvent): void {
    const frame = this.#frame;
    // A click on a scrollbar is none on the picture.
    if (down.button !== 0 || down.pointerType !== 'mouse') return;
    if (down.offsetX > frame.clientWidth && down.target === frame) return;
    const from = { x: down.clientX + frame.scrollLeft, y: down.clientY + frame.scrollTop };
    const move = (event: PointerEvent): void => {
      this.#setFollows(false);
      frame.scrollTo(from.x - event.clientX, from.y - event.clientY);
    };
    const end = new AbortController();
    frame.setPointerCapture(down.pointerId);
    frame.addEventListener('pointermove', move, { signal: end.signal });
    for (const name of ['pointerup', 'pointercancel'] as const) {
      frame.addEventListener(name, () => end.abort(), { signal: end.signal });
    }
  }

  #step(direction: 1 | -1, around?: MouseEvent): void {
    this.#setZoom(zoomed(this.#scale, direction), around);
  }

  /** @param around the point that stays where it is; the middle of what is seen when left out */
  #setZoom(zoom: Zoom, around?: MouseEvent): void {
    const frame = this.#frame;
    const seen = frame.getBoundingClientRect();
    const x = around === undefined ? frame.clientWidth / 2 : around.clientX - seen.left;
    const y = around === undefined ? frame.clientHeight / 2 : around.clientY - seen.top;
    const before = this.#scale;
    const point = { x: (frame.scrollLeft + x) / before, y: (frame.scrollTop + y) / before };
    this.#zoom = zoom;
    this.#resize();
    frame.scrollTo(point.x * this.#scale - x, point.y * this.#scale - y);
    this.followActive();
  }

  #resize(): void {
    const picture = this.#picture;
    if (picture === undefined) return;
    const { clientWidth, clientHeight } = this.#frame;
    const room = { width: clientWidth - MARGIN, height: clientHeight - MARGIN };
    this.#scale = scaleOf(this.#zoom, picture.size, room);
    picture.scale(this.#scale);
    this.#drawTools();
  }

  #setFollows(follows: boolean): void {
    if (follows === this.#follows) return;
    this.#follows = follows;
    this.#drawTools();
    this.followActive();
  }

  #drawTools(): void {
    mark(this.#follow, { 'aria-pressed': this.#follows });
    mark(this.#whole, { 'aria-pressed': this.#zoom === 'whole' });
    mark(this.#original, { 'aria-pressed': this.#zoom !== 'whole' && this.#scale === 1 });
  }
}

function middle(start: number, length: number): number {
  return start + length / 2;
}
