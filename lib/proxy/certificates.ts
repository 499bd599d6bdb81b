// The certificate that nginx serves: where it stands, the self-signed one before the first real one, and how one takes the place of another.
import type { Site } from '../config/target.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';

/** `folder` is a link to one of `pairs`: certificate and key change in the same moment, by one rename. */
export function certificatePlaces({ folder }: Pick<Site, 'folder'>) {
  return {
    folder: `${folder}/certificate`,
    fullchain: `${folder}/certificate/fullchain.pem`,
    key: `${folder}/certificate/privkey.pem`,
    pairs: `${folder}/pairs`,
    /** Below it certbot puts .well-known/acme-challenge/<token>. */
    challenges: `${folder}/acme`,
  };
}

/** A certificate made on the server, so that nginx starts before there is a real one. Does nothing when there is one of any kind. */
export function selfSigned(site: Site): Command {
  const { fullchain, key } = certificatePlaces(site);
  return lines(
    sh`if [ ! -s ${fullchain} ] || [ ! -s ${key} ]; then`,
    sh`command -v openssl >/dev/null || fail 'openssl is missing: sudo apt-get install openssl'`,
    newPair(site, 'self-signed'),
    sh`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj ${`/CN=${commonName(site)}`} -addext ${`subjectAltName=${site.domains.map(domain => `DNS:${domain}`).join(',')}`} -keyout "$pair/privkey.pem" -out "$pair/fullchain.pem" 2>"$pair/why" || fail "$(tail -n 1 "$pair/why")"`,
    script('rm -f "$pair/why"; chmod 600 "$pair/privkey.pem"'),
    serve(site),
    script('fi'),
  );
}

/** The subject holds 64 characters at most, and a domain may be longer; browsers read only subjectAltName. */
function commonName({ domains: [first = ''] }: Site): string {
  return first.slice(0, 64);
}

/** An empty folder "$pair". */
function newPair(site: Site, name: string): Command {
  const { pairs } = certificatePlaces(site);
  return sh`mkdir -p -m 700 ${pairs}; pair=$(mktemp -d ${`${pairs}/${name}-`}"$(date -u +%Y%m%d-%H%M%S)".XXXX)`;
}

/** What nginx reads is "$pair" from now on. The link is relative, so that a copy of the root is whole. */
function serve(site: Site): Command {
  const { folder } = certificatePlaces(site);
  return lines(
    // a folder that somebody filled by hand is kept
    sh`if [ -d ${folder} ] && [ ! -L ${folder} ]; then mv -T ${folder} "$pair-found"; fi`,
    sh`point ${folder} "pairs/$(basename "$pair")"`,
  );
}
