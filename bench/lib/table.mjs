// Tables in Markdown.

/** Prints rows as one table: the headings are the keys of the rows, and what a row does not say stays empty. */
export function printTable(rows) {
  const headings = [...new Set(rows.flatMap(Object.keys))];
  const line = (cells) => console.log(`| ${cells.join(' | ')} |`);
  line(headings);
  console.log(`|${'---|'.repeat(headings.length)}`);
  for (const row of rows) line(headings.map((heading) => row[heading] ?? ''));
  console.log();
}

/** The last two columns of a figure that has a budget. */
export const verdict = (budget, isMet) => ({ budget, met: isMet ? 'met' : 'MISSED' });
