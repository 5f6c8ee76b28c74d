/**
 * Whether a page may talk to this core: one that came from the loopback. Devices name no origin; a browser always does, also
 * a page of a stranger that found the port.
 */
export function isWelcomeOrigin(origin: string | undefined): boolean {
  if (origin === undefined) return true;
  if (!URL.canParse(origin)) return false;
  const { protocol, hostname } = new URL(origin);
  return (protocol === 'http:' || protocol === 'https:') && LOOPBACK.test(hostname);
}

/**
 * Whether the header Host names the loopback. A browser names no origin when a page asks the host that it came from: so does one of a
 * stranger, once the name of its host leads here (DNS rebinding).
 */
export function isLoopbackHost(host: string | undefined): boolean {
  const url = `http://${host ?? ''}`;
  return URL.canParse(url) && LOOPBACK.test(new URL(url).hostname);
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
