/** Text without a browser: how wide it is, and where it breaks. Figures are those of Arial, per 1000 of the font size. */
const WIDTHS: ReadonlyArray<readonly [characters: string, width: number]> = [
  ["ijl'|", 222],
  [' ftI.,/:;[]!()-·…', 300],
  ['r', 333],
  ['cksvxyzJ', 500],
  ['abdeghnopquL0123456789_?#', 556],
  ['FTZ+<=>~→', 610],
  ['ABEKPSVXY&', 667],
  ['wCDHNRU', 722],
  ['GOQ', 778],
  ['mM', 833],
  ['W@%', 944],
];

const WIDTH_OF = new Map(WIDTHS.flatMap(([characters, width]) => [...characters].map((c) => [c, width])));

/** Other system fonts run up to a tenth wider than Arial, and bold a little more. */
const SAFETY = 1.13;

export function textWidth(text: string, fontSize: number, bold = false): number {
  const units = [...text].reduce((sum, character) => sum + (WIDTH_OF.get(character) ?? 600), 0);
  return Math.ceil((units / 1000) * fontSize * SAFETY * (bold ? 1.06 : 1));
}

/** Packs a list into as few lines as fit; a word that is too long for a line has one of its own. */
export function wrap(words: readonly string[], fontSize: number, width: number): string[] {
  const lines: string[] = [];
  words.forEach((word, index) => {
    const piece = index < words.length - 1 ? `${word},` : word;
    const last = lines.at(-1);
    const longer = `${last} ${piece}`;
    if (last !== undefined && textWidth(longer, fontSize) <= width) lines[lines.length - 1] = longer;
    else lines.push(piece);
  });
  return lines;
}
