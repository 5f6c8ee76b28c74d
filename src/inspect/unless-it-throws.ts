/** An actor may be of any logic, with what throws when it is read. Not seeing it is better than ending the process. */
export function unlessItThrows<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
