// The certificate files that nginx serves: where they are, the self-signed one before the first real one, and how they are replaced.
import type { Site } from '../target/site-settings.ts';
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
    sh`if [ ! -s ${fullchain} ] || [ ! -s ${key} ]; then
command -v openssl >/dev/null || fail 'openssl is missing: sudo apt-get install openssl'
${newPair(site, 'self-signed')}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj ${`/CN=${commonName(site)}`} -addext ${`subjectAltName=${site.domains.map(domain => `DNS:${domain}`).join(',')}`} -keyout "$pair/privkey.pem" -out "$pair/fullchain.pem" 2>"$pair/why" || fail "$(tail -n 1 "$pair/why")"
rm -f "$pair/why"
chmod 600 "$pair/privkey.pem"
${serve(site)}
fi`,
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

const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory';
const letsEncryptTrials = 'https://acme-staging-v02.api.letsencrypt.org/directory';

/** The directory of the authority that is asked. */
export function authorityOf({ acme }: Site, trial: boolean): string {
  return trial ? letsEncryptTrials : (acme ?? letsEncrypt);
}

/** certbot's own folders, below the root and so without a need for root; those of trials are apart. */
export function certbotPlaces({ folder, domains: [name = ''] }: Site, trial: boolean) {
  const home = folder.replace(/[^/]+$/, trial ? 'certificates/trials' : 'certificates');
  return {
    home,
    name,
    live: `${home}/live/${name}`,
    archive: `${home}/archive/${name}`,
    renewal: `${home}/renewal/${name}.conf`,
  };
}

/** Leftovers of an interrupted certbot, because of which it would call the next certificate <name>-0001. */
export function removePartialCertificate(site: Site, trial: boolean): Command {
  const { live, archive, renewal } = certbotPlaces(site, trial);
  return lines(
    sh`if ! grep -qs '^fullchain' ${renewal} || [ ! -s ${`${live}/fullchain.pem`} ]; then rm -rf ${live} ${archive} ${renewal}; fi`,
    sh`rm -rf ${`${certificatePlaces(site).challenges}/.well-known/acme-challenge`}`,
  );
}

/** Asks the authority. Whether it is time was decided by the one who calls this, so certbot does not think again. */
export function obtain(site: Site, trial: boolean): Command {
  const { home, name } = certbotPlaces(site, trial);
  const { challenges } = certificatePlaces(site);
  const account = site.email ? ['--email', site.email, '--no-eff-email'] : ['--register-unsafely-without-email'];
  return lines(
    removePartialCertificate(site, trial),
    sh`mkdir -p ${challenges}; mkdir -p -m 700 ${home}`,
    sh`certbot certonly --non-interactive --agree-tos ${account} --server ${authorityOf(site, trial)} --webroot -w ${challenges} --config-dir ${home} --work-dir ${`${home}/work`} --logs-dir ${`${home}/logs`} --max-log-backups 10 --key-type ecdsa --force-renewal --renew-with-new-domains --cert-name ${name} ${site.domains.flatMap(domain => ['-d', domain])} || { ${theReason(home)}; exit 1; }`,
  );
}

/** certbot 2.1 on Python 3.11 says “AttributeError: can't set attribute” in place of what the authority answered; its log has it. */
function theReason(home: string): Command {
  return sh`grep -aho 'urn:ietf:params:acme:error:.*' ${`${home}/logs/letsencrypt.log`} | tail -n 1 || true`;
}

/** Puts certbot's certificate where nginx reads it; the previous one is kept until `serveInstalled`. */
export function install(site: Site): Command {
  const { folder, pairs } = certificatePlaces(site);
  const { live } = certbotPlaces(site, false);
  return lines(
    newPair(site, 'certbot'),
    sh`install -m 644 ${`${live}/fullchain.pem`} "$pair/fullchain.pem"; install -m 600 ${`${live}/privkey.pem`} "$pair/privkey.pem"`,
    script(`shut=$(openssl x509 -in "$pair/fullchain.pem" -noout -pubkey)
opens=$(openssl pkey -in "$pair/privkey.pem" -pubout)
[[ $shut == "$opens" ]] || fail "the key that certbot holds is not that of its certificate"`),
    sh`rm -f ${`${pairs}/before`}; if [ -L ${folder} ]; then cp -PT ${folder} ${`${pairs}/before`}; fi`,
    serve(site),
  );
}

/** Restores what nginx served before. */
export function installBefore(site: Site): Command {
  const { folder, pairs } = certificatePlaces(site);
  return lines(
    // when nginx takes no configuration at all, it did not take the new certificate either
    sh`if is_there ${`${pairs}/before`}; then
  before=$(readlink ${`${pairs}/before`})
  point ${folder} "$before"
  if as_root nginx -t; then as_root systemctl reload nginx; else echo "nginx was not reloaded" >&2; fi
  rm -f ${`${pairs}/before`}
fi`,
  );
}

/** nginx loads the installed one without ending a connection, and each domain is checked from the server itself. */
export function serveInstalled(site: Site): Command {
  const { folder, fullchain, pairs } = certificatePlaces(site);
  return lines(
    script('as_root nginx -t'),
    script('as_root systemctl reload nginx'),
    script('print() { openssl x509 -noout -fingerprint -sha256 "$@" 2>/dev/null; }'),
    script(
      'shown() { timeout 5 openssl s_client -connect 127.0.0.1:443 -servername "$1" </dev/null 2>/dev/null | print; }',
    ),
    sh`is=$(print -in ${fullchain})`,
    sh`for domain in ${site.domains}; do for try in {1..40}; do [[ "$(shown "$domain" || true)" == "$is" ]] && continue 2; sleep 0.25; done; fail "nginx serves a different certificate for $domain"; done`,
    sh`rm -f ${`${pairs}/before`}`,
    sh`now=$(readlink ${folder})`,
    sh`find ${pairs} -mindepth 1 -maxdepth 1 ! -name "$(basename "$now")" -exec rm -rf {} + || true`,
  );
}
