// Which probes a release passed when it went live, kept on the host beside it: going back to it requires no others.
import type { Target } from '../target/target.ts';
import type { Probe } from '../target/health-settings.ts';
import { sh, type Command } from '../host/sh.ts';
import { isRecord } from '../record.ts';
import type { Release } from './release.ts';

const folderOf = (target: Target) => `${target.paths.releases}/.keeper/probes`;

/** Lines for the facts question: `… | fact passed`. */
export function passedQuestion(target: Target): Command {
  return sh`{ cd ${folderOf(target)} 2>/dev/null && for one in *_*; do printf '%s ' "$one"; head -c 20000 "$one" | tr -d '\\n'; echo; done | head -c 400000; } | fact passed`;
}

/** By the release's folder name; what cannot be read is left out, and today's probes are all there is then. */
export function readPassed(text: string): Map<string, Probe[]> {
  return new Map(
    text.split('\n').flatMap((line): [string, Probe[]][] => {
      const at = line.indexOf(' ');
      try {
        const given: unknown = JSON.parse(line.slice(at + 1));
        return Array.isArray(given) && given.every(isProbe) ? [[line.slice(0, at), given]] : [];
      } catch {
        return [];
      }
    }),
  );
}

/** For the end of a successful wait. Removes those of releases that are gone. */
export function keepPassed(target: Target, release: Release, probes: readonly Probe[]): Command {
  const folder = folderOf(target);
  return sh`mkdir -p ${folder} && cd ${folder} && printf '%s\\n' ${JSON.stringify(probes)} | write_file ${release.name} && for one in *_*; do [[ -d ../../$one ]] || rm -f "$one"; done`;
}

function isProbe(given: unknown): given is Probe {
  if (!isRecord(given)) return false;
  const { name, url, status, json, header } = given;
  return (
    typeof name === 'string' &&
    /^[a-z0-9_-]{1,63}$/.test(name) &&
    typeof url === 'string' &&
    /^https?:\/\/\S+$/.test(url) &&
    typeof status === 'number' &&
    isRecord(json) &&
    Object.values(json).every(value => ['string', 'number', 'boolean'].includes(typeof value)) &&
    (header === undefined ||
      (isRecord(header) && typeof header['name'] === 'string' && typeof header['value'] === 'string'))
  );
}
