// Issues, renews and shows the certificates of a target. certbot proves the domains through a folder that nginx serves, so nginx never stops.
import { isIP } from 'node:net';
import { nameOf, targetName, taskCommand } from '../lib/target/command.ts';
import type { Target } from '../lib/target/target.ts';
import { Failure } from '../lib/errors.ts';
import { authorityOf } from '../lib/proxy/certificate-files.ts';
import {
  type Certificate,
  certificateQuestion,
  daysLeft,
  faultOf,
  certificateInWords,
  isDue,
  isFor,
  readCertificates,
  siteWithCertificate,
} from '../lib/certificate/inspect.ts';
import { explainLookup, lookUp, publicResolvers, serverAddresses } from '../lib/certificate/dns.ts';
import { issueSteps, type IssueOptions } from '../lib/certificate/issue.ts';
import { askFacts } from '../lib/deploy/ask-facts.ts';
import { runSteps } from '../lib/plan/run-steps.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Get, renew and look at the certificates of a site, while nginx goes on',
  examples: [
    'npx tsx tasks/certificates.ts issue --env production --staging',
    'npx tsx tasks/certificates.ts issue --env production',
    'npx tsx tasks/certificates.ts renew --env production',
    'npx tsx tasks/certificates.ts status --env production --json',
  ],
  positionals: [
    { name: 'what', about: 'issue, renew or status', choices: ['issue', 'renew', 'status'], required: true },
  ],
  changes: true,
  args: {
    force: { type: 'boolean', about: 'issue or renew before it is due' },
    staging: {
      type: 'boolean',
      about: 'issue: a dry run with Let’s Encrypt’s staging directory; nothing is replaced',
    },
    'skip-checks': { type: 'boolean', about: 'skip the checks of DNS and port 80' },
    resolver: { type: 'string', value: 'address', about: 'ask these DNS resolvers (a,b)' },
    address: {
      type: 'string',
      value: 'address',
      about: 'the public addresses of the server, when it is behind a NAT (a,b)',
    },
  },

  async run(context) {
    const { args, positionals, report } = context;
    const target = await context.target();
    const site = siteWithCertificate(target);
    const what = positionals[0] ?? '';
    if (args.staging && what !== 'issue') throw new Failure(2, '--staging goes with issue');
    if (args.staging && site.acme)
      throw new Failure(2, `--staging is Let’s Encrypt’s, and ops.yml names ${site.acme}`, {
        advice: 'try with issue; nothing is replaced when it fails',
      });
    const host = await context.connect(target.host);
    const facts = await askFacts(host, target, undefined, certificateQuestion(target));
    const { now } = facts;
    const look = readCertificates(target, facts);
    const { installed, held } = look;
    if (what === 'status') return statusOf();

    const authority = authorityOf(site, args.staging);
    const isReal = installed?.kind === 'real';
    const goodFor = (one: Certificate) => one.kind === 'real' && !isDue(one, now) && isFor(one, site.domains);
    if (what === 'renew' && !isReal)
      throw new Failure(2, `${targetName(target)} has no certificate to renew`, {
        advice: taskCommand('certificates issue', target),
      });
    if (isReal && !args.force && !args.staging && !isDue(installed, now)) {
      const missing = site.domains.filter(domain => !installed.covers(domain));
      if (what === 'renew') {
        if (missing.length)
          report.warn(`it is not for ${missing.join(', ')}: ${taskCommand('certificates issue', target)}`);
        return nothing(installed, 'not needed');
      }
      if (goodFor(installed) && (look.heldFrom ?? authority) === authority)
        return nothing(installed, 'there already; --force issues another one');
    }

    // One that certbot got, and that an earlier run could not put in place, is not asked for twice.
    const isNew = held && held.fingerprint !== installed?.fingerprint && goodFor(held) && look.heldFrom === authority;
    const waiting = isNew && !args.force && !args.staging;
    const wanted: IssueOptions = {
      trial: args.staging,
      held: waiting ? `certbot has one already: ${certificateInWords(held, now)}` : undefined,
      check: args['skip-checks'] ? undefined : await lookAround(),
    };
    const { steps, explain } = issueSteps(target, site, wanted);
    const plan = await runSteps(context, host, target, { action: `${what} certificate`, steps, explain });
    if (args.plan) return plan;
    if (args.staging)
      return {
        text: `${new URL(authority).host} would issue a certificate for ${site.domains.join(', ')}; nothing else was changed`,
        json: { ...nameOf(target), outcome: 'tried', authority, domains: site.domains },
      };
    const after = await askFacts(host, target, undefined, certificateQuestion(target));
    const got = readCertificates(target, after).installed;
    if (!got)
      throw new Failure(6, 'the certificate was put in place, and is not there', {
        advice: taskCommand('certificates status', target),
      });
    return {
      text: `${targetName(target)} is served with a certificate of ${certificateInWords(got, after.now)}, for ${site.domains.join(', ')}`,
      json: { ...nameOf(target), outcome: what === 'renew' ? 'renewed' : 'issued', ...told(got) },
    };

    function told(one: Certificate) {
      const { issuer, kind, domains, from, until, fingerprint } = one;
      return { issuer, kind, domains, from, until, daysLeft: daysLeft(one, now), fingerprint };
    }

    function nothing(one: Certificate, why: string) {
      return {
        text: `${targetName(target)}: ${certificateInWords(one, now)}: ${why}`,
        json: { ...nameOf(target), outcome: 'nothing to do', ...told(one) },
      };
    }

    /** Where the domains lead. @throws Failure 1 when one leads nowhere */
    async function lookAround(): Promise<NonNullable<IssueOptions['check']>> {
      const resolvers = args.resolver?.split(',') ?? publicResolvers;
      const [lookups, server] = await Promise.all([
        lookUp(site.domains, resolvers),
        serverAddresses(args.address, await sshName(target, context.environment), look.addresses),
      ]);
      const problems = lookups.flatMap(one => explainLookup(one, server) ?? []);
      const lost = 'the authority could not reach the server, so no certificate was requested; nothing was changed';
      if (problems.length)
        throw new Failure(1, lost, {
          detail: problems.flatMap(({ says, fix }) => [says, `  → ${fix}`]).join('\n'),
          advice: 'then again; --skip-checks requests it anyway',
        });
      return { lookups, server, warn: report.warn };
    }

    function statusOf() {
      const rows = site.domains.map(domain => {
        const fault = faultOf(domain, look, now);
        return { domain, fault, served: look.served.get(domain) };
      });
      const { green, yellow, red, bold } = report.paint;
      const words = (fault: string | undefined) => {
        if (fault !== undefined || !installed) return red(fault ?? 'there is none');
        return (isDue(installed, now) ? yellow : green)(`${certificateInWords(installed, now)}, served`);
      };
      const lines = report.table(rows.map(({ domain, fault }) => ['', domain, words(fault)]));
      return {
        text: `${bold(targetName(target))} on ${target.host.name}\n${lines}`,
        json: {
          ...nameOf(target),
          certificate: installed && told(installed),
          due: installed ? isDue(installed, now) : true,
          domains: rows.map(({ domain, fault, served }) => ({ domain, fault, served: served && told(served) })),
        },
        exit: rows.some(({ fault }) => fault !== undefined) ? 1 : 0,
      };
    }
  },
});

/** The name or address that ssh connects to, unless there is a jump host between: then it is one from inside. */
async function sshName({ host }: Target, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (host.kind !== 'ssh' || host.jump) return undefined;
  const { resolveAddress } = await import('../lib/host/ssh/config.ts');
  const { hostname, proxyJump, proxyCommand } = await resolveAddress(host.address, environment);
  return proxyJump || proxyCommand || (!isIP(hostname) && !hostname.includes('.')) ? undefined : hostname;
}
