import { inject } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Whether this is `npm run test:long`. */
    readonly isLong?: boolean;
  }
}

/** How much of a generated test there is: in each `npm test`, and where nobody waits for it. */
export const runs = (usual: number, long: number): number => (inject('isLong') === true ? long : usual);
