interface ReasonProperties {
  readonly reasonString?: string;
  readonly serverReference?: string;
}

/**
 * What the broker says about a reason code (MQTT 5, 3.2.2.3.9), and which server it names instead of itself (3.2.2.3.16).
 * mqtt-packet gives an array for what came twice, and null for what was cut short: those say nothing.
 */
export function reasonIn(properties: ReasonProperties | undefined): string | undefined {
  if (properties === undefined) return undefined;
  const { reasonString, serverReference } = properties;
  const said = [
    ...(typeof reasonString === 'string' ? [reasonString] : []),
    ...(typeof serverReference === 'string' ? [`it names the server ${serverReference}`] : []),
  ];
  return said.length === 0 ? undefined : said.join('; ');
}
