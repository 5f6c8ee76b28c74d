// @ts-check
// How the examples about shadows speak.

/**
 * Says in one line what happens, behind a word for who says it or what it is.
 *
 * @param {string} label
 * @param {string} text
 */
export function tell(label, text) {
  console.log(`${label.padEnd(8)}  ${text}`);
}
