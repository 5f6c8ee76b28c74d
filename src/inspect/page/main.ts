import { FeedSource } from './feed-source.ts';
import { Page } from './page.ts';

const TICK_MS = 100;

const page = new Page();
new FeedSource({ told: page.tell, connected: page.setConnected });

let ticks = 0;
let ticking: ReturnType<typeof setInterval> | undefined;

/** Nothing ticks in a tab that nobody looks at. */
function tickWhileSeen(): void {
  clearInterval(ticking);
  if (document.hidden) return;
  ticking = setInterval(() => {
    ticks += 1;
    page.tick(ticks % 10 === 0);
  }, TICK_MS);
}

document.addEventListener('visibilitychange', tickWhileSeen);
tickWhileSeen();
