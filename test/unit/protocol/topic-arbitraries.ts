import fc from 'fast-check';

// Few different levels, so that filters and topics meet often; with empty ones, `$`, and names of Object.prototype.
const level = fc.constantFrom('a', 'b', '', '$x', '$', 'é', '__proto__', 'constructor');
const levels = fc.array(level, { minLength: 1, maxLength: 5 });

/** Valid topic names. */
export const topicName = levels.map((parts) => parts.join('/')).filter((topic) => topic !== '');

const plainFilter = fc
  .tuple(
    fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }),
    fc.oneof(level, fc.constantFrom('+', '#')),
  )
  .map(([parts, last]) => [...parts, last].join('/'))
  .filter((filter) => filter !== '');

const sharedFilter = fc
  .tuple(fc.constantFrom('g', 'h', '$'), plainFilter)
  .map(([group, filter]) => `$share/${group}/${filter}`);

/** Valid topic filters, some of them shared. */
export const topicFilter = fc.oneof(
  { weight: 3, arbitrary: plainFilter },
  { weight: 1, arbitrary: sharedFilter },
);
