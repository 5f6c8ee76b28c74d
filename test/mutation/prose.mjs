// For Stryker: texts for people are not mutated. Blanking one is no fault that a test should know: messages and
// remediations may be said in other words any day, and docs/errors.md promises none of them. A text is what has a space in
// it. What programs read has none, and is mutated: codes, event types, states, fields, topics, reason strings.

const WHY = 'A text for people';

/** What a template shows as it is. One that decides something in its braces is mutated, braces and all. */
const decidesNothing = (node) =>
  node.type === 'Identifier' ||
  node.type === 'ThisExpression' ||
  (node.type === 'MemberExpression' && decidesNothing(node.object)) ||
  (node.type === 'CallExpression' && [node.callee, ...node.arguments].every(decidesNothing));

function shouldIgnore({ node }) {
  if (node.type === 'StringLiteral') return node.value.includes(' ') ? WHY : undefined;
  if (node.type !== 'TemplateLiteral' || !node.expressions.every(decidesNothing)) return undefined;
  return node.quasis.some(({ value }) => value.raw.includes(' ')) ? WHY : undefined;
}

export const strykerPlugins = [{ kind: 'Ignore', name: 'prose', value: { shouldIgnore } }];
