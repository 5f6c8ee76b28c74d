/** The parameters of a query in the order in which they came, decoded. */
export type QueryParameters = readonly (readonly [name: string, value: string])[];

/**
 * Reads a query by RFC 3986: a plus stays a plus, as in what AWS signs.
 *
 * @param query without its question mark
 * @returns undefined when it is not encoded properly
 */
export function readQuery(query: string): QueryParameters | undefined {
  if (query === '') return [];
  try {
    return query.split('&').map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return [decodeURIComponent(name), decodeURIComponent(value.join('='))] as const;
    });
  } catch {
    return undefined;
  }
}
