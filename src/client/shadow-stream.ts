import { checkFields } from '../protocol/fields.ts';
import { oneOf, wholeNumber } from './checks.ts';
import { MessageQueue } from './message-queue.ts';
import type { ShadowStreamOptions } from './shadow.ts';

interface StreamSource<V> {
  /** Listens from now on; the result ends it. */
  readonly listen: (push: (value: V) => void) => () => void;
  /** A loop begins. `finish` ends it; the result is called when it has left by itself. */
  readonly begin: (finish: () => void) => () => void;
  readonly onOverflow: (dropped: number) => void;
}

/** What a shadow tells as an async iterable: each loop listens for itself, and leaving it ends that. */
export function streamOf<V>(
  options: ShadowStreamOptions,
  source: StreamSource<V>,
): AsyncIterable<V, undefined> {
  checkFields('options', options, ['bufferSize', 'overflow']);
  const { bufferSize = 100, overflow = 'dropOldest' } = options;
  wholeNumber('bufferSize', bufferSize, 1, Number.MAX_SAFE_INTEGER);
  oneOf('overflow', overflow, ['dropOldest', 'dropNewest']);
  return {
    [Symbol.asyncIterator]: () => {
      const left = (): void => {
        forget();
        stop();
      };
      const queue: MessageQueue<V> = new MessageQueue(
        { limit: bufferSize, overflow },
        { onReturn: left, onOverflow: source.onOverflow },
      );
      const forget = source.begin(() => {
        left();
        queue.finish();
      });
      const stop = source.listen((value) => queue.push(value));
      return queue;
    },
  };
}
