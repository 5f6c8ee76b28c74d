/** Something that AWS IoT Core would not do, or does silently; told to the developer, once each time it happens. */
export interface LocalIotCoreWarning {
  readonly code: 'UNSUPPORTED' | 'REFUSED';
  readonly message: string;
  readonly clientId: string | undefined;
}

/** Where warnings go that nobody asked for. */
export function emitWarning({ message, code }: LocalIotCoreWarning): void {
  process.emitWarning(message, { type: 'LocalIotCoreWarning', code });
}
