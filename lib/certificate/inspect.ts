// What is known of a target's certificates: the question to its host, and what the answers mean.
import { X509Certificate } from 'node:crypto';
import { targetName } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import { lines, sh, type Command } from '../host/sh.ts';
import type { Facts } from '../release/facts.ts';
import { certificatePlaces, certbotPlaces } from '../proxy/certificate-files.ts';

export type Certificate = {
  /** As a person would say it: `Let's Encrypt R11`. */
  issuer: string;
  /** A trial one comes from Let's Encrypt's staging directory; no browser takes it. */
  kind: 'real' | 'trial' | 'self-signed';
  domains: string[];
  from: Date;
  until: Date;
  fingerprint: string;
  covers(domain: string): boolean;
};

const day = 86_400_000;

/** The first certificate of a PEM file; undefined when there is none. */
export function readCertificate(pem: string | undefined): Certificate | undefined {
  if (!pem?.includes('-----BEGIN CERTIFICATE-----')) return undefined;
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(pem);
  } catch {
    return undefined;
  }
  const part = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(x509.issuer)?.[1];
  const issuer = [part('O'), part('CN')].filter(Boolean).join(' ') || x509.issuer.replaceAll('\n', ', ');
  const ownKey = x509.checkIssued(x509) && x509.verify(x509.publicKey);
  return {
    issuer,
    kind: ownKey ? 'self-signed' : /\(STAGING\)|^Fake LE /.test(issuer) ? 'trial' : 'real',
    domains: [...(x509.subjectAltName ?? '').matchAll(/DNS:([^",\s]+)/g)].map(([, domain = '']) => domain),
    from: new Date(x509.validFrom),
    until: new Date(x509.validTo),
    fingerprint: x509.fingerprint256,
    // the common name counts for no browser
    covers: domain => x509.checkHost(domain, { subject: 'never' }) !== undefined,
  };
}

/** Whole days; negative when it is over. */
export function daysLeft({ until }: Certificate, now: Date): number {
  return Math.floor((until.getTime() - now.getTime()) / day);
}

/** Time to renew: 30 days before the end, and for those that live shorter than 90 days when a third of their life is left. */
export function isDue({ from, until }: Certificate, now: Date): boolean {
  const left = until.getTime() - now.getTime();
  return left <= Math.min(30 * day, (until.getTime() - from.getTime()) / 3);
}

export function isFor({ domains }: Certificate, wanted: readonly string[]): boolean {
  return domains.toSorted().join() === wanted.toSorted().join();
}

/** `Let's Encrypt R11, 61 days left` */
export function certificateInWords(certificate: Certificate, now: Date): string {
  const days = daysLeft(certificate, now);
  const time = days < 0 ? `expired ${-days} days ago` : `${days} days left`;
  const whose = { 'self-signed': 'self-signed', trial: `a trial of ${certificate.issuer}`, real: certificate.issuer };
  return `${whose[certificate.kind]}, ${time}`;
}

export type CertificateLook = {
  /** What nginx reads at its next reload. */
  installed: Certificate | undefined;
  keyMode: string | undefined;
  /** The newest that certbot holds, and the authority's directory it came from. */
  held: Certificate | undefined;
  heldFrom: string | undefined;
  /** What a visitor of each domain is shown. */
  served: Map<string, Certificate | undefined>;
  /** Programs that are not there. */
  lacking: string[];
  /** Addresses of the host's own network cards. */
  addresses: string[];
};

/** Shell lines for the facts question: only the file, for those who need no more than its end. */
export function fileQuestion({ site }: Target): Command | undefined {
  if (!site || site.tls === 'off' || site.proxy !== 'nginx') return undefined;
  return sh`head -c 200000 ${certificatePlaces(site).fullchain} 2>/dev/null | fact certificate`;
}

/** Shell lines for the facts question: everything. */
export function certificateQuestion(target: Target): Command | undefined {
  const { site } = target;
  const file = fileQuestion(target);
  if (!site || !file) return undefined;
  const { live, renewal } = certbotPlaces(site, false);
  return lines(
    file,
    sh`stat -L -c %a ${certificatePlaces(site).key} 2>/dev/null | fact certificate-key`,
    sh`head -c 200000 ${`${live}/fullchain.pem`} 2>/dev/null | fact certificate-held`,
    sh`sed -n 's/^server *= *//p' ${renewal} 2>/dev/null | fact certificate-authority`,
    sh`for tool in certbot openssl; do command -v "$tool" >/dev/null || echo "$tool"; done | fact certificate-lacking`,
    sh`{ ip -o addr show scope global | awk '{sub("/.*", "", $4); print $4}'; } 2>/dev/null | fact addresses`,
    ...site.domains.map(
      domain =>
        sh`{ timeout 5 openssl s_client -connect 127.0.0.1:443 -servername ${domain} </dev/null | openssl x509; } 2>/dev/null | fact ${`certificate-of-${domain}`}`,
    ),
  );
}

export function readCertificates(target: Target, facts: Facts): CertificateLook {
  const text = (name: string) => facts.answers.get(name)?.trim() || undefined;
  return {
    installed: readCertificate(text('certificate')),
    keyMode: text('certificate-key'),
    held: readCertificate(text('certificate-held')),
    heldFrom: text('certificate-authority'),
    served: new Map(
      (target.site?.domains ?? []).map(domain => [domain, readCertificate(text(`certificate-of-${domain}`))]),
    ),
    lacking: (text('certificate-lacking') ?? '').split('\n').filter(Boolean),
    addresses: (text('addresses') ?? '').split('\n').filter(Boolean),
  };
}

/** What a visitor would stumble over, one sentence per domain; undefined: nothing. */
export function faultOf(domain: string, look: CertificateLook, now: Date): string | undefined {
  const { installed } = look;
  const served = look.served.get(domain);
  if (!installed) return 'there is none';
  if (installed.kind !== 'real') return certificateInWords(installed, now);
  if (!installed.covers(domain)) return `the one of ${installed.issuer} is not for this domain`;
  if (daysLeft(installed, now) < 0) return certificateInWords(installed, now);
  if (!served) return `${certificateInWords(installed, now)}, but nginx does not answer on port 443`;
  if (served.fingerprint !== installed.fingerprint)
    return `${certificateInWords(installed, now)}, but nginx serves another one: ${certificateInWords(served, now)}`;
  return undefined;
}

/** How the certificate that nginx reads is, after fileQuestion; undefined: nothing is served with one yet, or somebody else cares for it. */
export function certificateState(
  target: Target,
  facts: Facts,
): { words: string; state: 'good' | 'due' | 'bad'; what: 'issue' | 'renew' } | undefined {
  const installed = readCertificate(facts.answers.get('certificate'));
  if (!installed || !target.site) return undefined;
  const words = certificateInWords(installed, facts.now);
  const uncovered = target.site.domains.filter(domain => !installed.covers(domain));
  if (installed.kind !== 'real') return { words, state: 'due', what: 'issue' };
  if (uncovered.length) return { words: `${words}, not for ${uncovered.join(', ')}`, state: 'bad', what: 'issue' };
  if (daysLeft(installed, facts.now) < 0) return { words, state: 'bad', what: 'renew' };
  return { words, state: isDue(installed, facts.now) ? 'due' : 'good', what: 'renew' };
}

/** The site of a target whose certificate is certbot's affair. @throws Failure 3 when it is somebody else's. */
export function siteWithCertificate(target: Target) {
  const { site } = target;
  const who = targetName(target);
  if (!site)
    throw new Failure(3, `${who} has no site: ops.yml does not say what visitors reach it by`, {
      advice: 'add site: with proxy, domains, upstreams and routes to ops.yml',
    });
  if (site.tls === 'off')
    throw new Failure(3, `${who} has tls: off, so something else encrypts`, {
      advice: 'site: tls: certbot in ops.yml lets this server do it',
    });
  if (site.proxy === 'caddy')
    throw new Failure(3, `${who} stands behind Caddy, which gets and renews its certificates by itself`, {
      advice: 'journalctl -u caddy shows how it goes',
    });
  return site;
}
