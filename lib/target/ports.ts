// The ports that a target uses on its host, and those that its instances may use.

/** Every port on the server that one version of a compose app takes, each once, in the order of ops.yml. */
export function hostPorts(
  upstreams: readonly number[],
  variables: Record<string, unknown>,
  urls: readonly (string | undefined)[],
): number[] {
  const named = Object.entries(variables).flatMap(([name, value]) => (isPortName(name) ? [Number(value)] : []));
  const probed = urls.flatMap(url => portHere(url) ?? []).map(Number);
  return [...new Set([...upstreams, ...named, ...probed])].filter(port => port > 0);
}

/** Whether a variable of the compose file is a port on the server. */
export function isPortName(name: string): boolean {
  return /(^|_)PORT$/.test(name);
}

/** The port of an address on the host itself; other addresses may well be shared behind one proxy. */
export function portHere(url: string | undefined): string | undefined {
  if (!url || !URL.canParse(url)) return undefined;
  const { hostname, port } = new URL(url);
  if (!/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)) return undefined;
  // A URL without a port means 80 or 443: the proxy's, which tells its sites apart by name.
  return port || undefined;
}

/** `8400-8499` as numbers. */
export function rangeOf(text: string | undefined): { first: number; last: number } | undefined {
  const [first, last] = (text ?? '').split('-').map(Number);
  return first && last ? { first, last } : undefined;
}
