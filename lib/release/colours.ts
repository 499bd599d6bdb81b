// Two places for two versions at once: the colours, the ports each listens on, and which probe means which.
import type { Site } from '../target/site-settings.ts';
import type { Probe, Health } from '../target/health-settings.ts';

export type Colour = 'blue' | 'green';

export function otherColour(colour: Colour): Colour {
  return colour === 'blue' ? 'green' : 'blue';
}

/** What tells the app of a colour its ports: `BACKEND_PORT` to `4001`. */
export function portVariables(site: Pick<Site, 'upstreams'>, colour: Colour): Record<string, string> {
  return Object.fromEntries(
    site.upstreams.flatMap(one => (one.variable ? [[one.variable, String(portOf(one, colour))]] : [])),
  );
}

/** The ports that a version of this colour listens on. */
export function portsOf(site: Pick<Site, 'upstreams'>, colour: Colour): number[] {
  return site.upstreams.map(one => portOf(one, colour));
}

function portOf({ port, green }: Site['upstreams'][number], colour: Colour): number {
  return colour === 'green' ? (green ?? port) : port;
}

/** A probe of an upstream's port on the host itself, as it is for a version of this colour; undefined for any other probe. */
export function probeOf(probe: Probe, site: Pick<Site, 'upstreams'>, colour: Colour): Probe | undefined {
  // not through URL: what a person wrote is passed on unchanged
  const parts = /^(http:\/\/(?:localhost|127(?:\.\d+){3}|\[::1\]):)(\d+)(?=[/?#]|$)/i.exec(probe.url);
  const asked = site.upstreams.find(one => one.port === Number(parts?.[2]));
  if (!parts?.[1] || !asked) return undefined;
  return { ...probe, url: `${parts[1]}${portOf(asked, colour)}${probe.url.slice(parts[0].length)}` };
}

/** All probes for a version of this colour; those through the public name, or of something else, stay as they are. */
export function healthOf(
  health: Health,
  site: Pick<Site, 'upstreams'> | undefined,
  colour: Colour | undefined,
): Health {
  if (!site || !colour) return health;
  return { ...health, probes: health.probes.map(probe => probeOf(probe, site, colour) ?? probe) };
}

/** The probes that a version can answer before visitors reach it, and those that only tell once they do. */
export function probesAround(
  health: Health,
  site: Pick<Site, 'upstreams'>,
  colour: Colour,
): { before: Health; after: Health } {
  const own = health.probes.flatMap(probe => probeOf(probe, site, colour) ?? []);
  const rest = health.probes.filter(probe => !probeOf(probe, site, colour));
  return { before: { ...health, probes: own }, after: { ...health, probes: rest } };
}
