/** Something that AWS IoT Core would not do, or does silently; told to the developer, once each time it happens. */
export interface LocalIotCoreWarning {
  /**
   * `UNSUPPORTED`: this core, or AWS, cannot do it. `REFUSED`: it was not done. `LIMITED`: a limit discarded it, held it back, or
   * ended it. `ADVICE`: it works, and AWS advises against it. `REPLACED`: a certificate in the directory of the core was of no
   * use any more.
   */
  readonly code: 'UNSUPPORTED' | 'REFUSED' | 'LIMITED' | 'ADVICE' | 'REPLACED';
  readonly message: string;
  readonly clientId: string | undefined;
}

/** Where warnings go that nobody asked for. */
export function emitWarning({ message, code }: LocalIotCoreWarning): void {
  process.emitWarning(message, { type: 'LocalIotCoreWarning', code });
}
