// The steps that issue and install a certificate for ops.yml's domains, and what it means when one fails.
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { taskCommand, type TargetName } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import type { Site } from '../target/site-settings.ts';
import { Failure } from '../errors.ts';
import { lines, script, sh } from '../host/sh.ts';
import type { Step } from '../plan/step.ts';
import { askEverywhere, explainSeen } from './http-challenge.ts';
import {
  authorityOf,
  certificatePlaces,
  install,
  installBefore,
  obtain,
  serveInstalled,
  removePartialCertificate,
} from '../proxy/certificate-files.ts';
import type { Lookup } from './dns.ts';

export type IssueOptions = {
  trial: boolean;
  /** Why the authority need not be asked. */
  held: string | undefined;
  /** Where the domains lead, and what the server is called; undefined: nobody wants to know. */
  check: { lookups: Lookup[]; server: string[]; warn: (line: string) => void } | undefined;
};

export type Issue = { steps: Step[]; explain: (step: Step, said: string[]) => Failure | undefined };

const silence = 'Check that nginx can be reloaded';
const reach = 'Fetch a test file as the authority will';

export function issueSteps(target: Target, site: Site, { trial, held, check }: IssueOptions): Issue {
  const authority = new URL(authorityOf(site, trial)).host;
  const askTitle = `Request a certificate from ${authority}`;
  const findings: string[] = [];
  const steps: Step[] = [
    {
      title: silence,
      run: lines(
        script('for tool in certbot openssl; do command -v "$tool" >/dev/null || fail "$tool is missing"; done'),
        // asked before the authority is: what it gives out is counted
        script('as_root nginx -t'),
        script('((EUID == 0)) || sudo -n -l "$(command -v systemctl)" reload nginx >/dev/null'),
      ),
    },
    ...(check && held === undefined ? challengeSteps(target, site, check, findings) : []),
    {
      title: askTitle,
      run: obtain(site, trial),
      undo: removePartialCertificate(site, trial),
      ...(held === undefined ? {} : { skip: held }),
    },
  ];
  if (!trial)
    steps.push(
      { title: 'Install the certificate', run: install(site), undo: installBefore(site) },
      { title: 'Reload nginx and check the certificate it serves', run: serveInstalled(site), seconds: 120 },
    );
  return { steps, explain };

  function explain(step: Step, said: string[]): Failure | undefined {
    const detail = said.filter(line => line.trim()).join('\n');
    const stays = 'the previous certificate stays in use';
    if (step.title === reach)
      return new Failure(1, `the authority could not fetch its file, so no certificate was requested; ${stays}`, {
        detail: findings.join('\n'),
        advice: 'if the DNS records have just changed, wait for their TTL; --skip-checks requests it anyway',
      });
    if (step.title === askTitle) {
      const { message, advice } = explainCertbot(said, authority, target);
      return new Failure(1, `${message}; ${stays}`, { detail: shortened(detail), advice });
    }
    if (step.title !== silence) return undefined;
    const missing = /^(certbot|openssl) is missing$/m.exec(detail)?.[1];
    if (missing)
      return new Failure(1, `${missing} is not on ${target.host.name}`, { advice: `sudo apt-get install ${missing}` });
    if (/sudo: .*(password|not allowed|may not)/.test(detail) || !detail.includes('nginx'))
      return new Failure(1, 'the deploy user may not test and reload nginx', {
        detail,
        advice:
          'sudo visudo -f /etc/sudoers.d/bookops, with: <user> ALL=(root) NOPASSWD: /usr/sbin/nginx -t, /usr/bin/systemctl reload nginx',
      });
    return new Failure(1, 'the nginx configuration is not valid, so no certificate could be installed', {
      detail,
      advice: taskCommand('site apply', target),
    });
  }
}

/** A file with a name that nobody can guess, asked for from this machine while it is there. */
function challengeSteps(
  target: TargetName,
  site: Site,
  check: NonNullable<IssueOptions['check']>,
  findings: string[],
): Step[] {
  const token = `bookops-${randomBytes(16).toString('hex')}`;
  const folder = `${certificatePlaces(site).challenges}/.well-known/acme-challenge`;
  const file = `${folder}/${token}`;
  async function* verdict() {
    for (const seen of await askEverywhere(check.lookups, token)) {
      const problem = explainSeen(seen, check.server, target);
      if (problem?.doubt) check.warn(`${problem.says}; ${problem.fix}`);
      else if (problem) findings.push(problem.says, `  → ${problem.fix}`);
    }
    yield findings.length ? 'bad\n' : 'good\n';
  }
  return [
    {
      title: 'Place a test file where the authority will look',
      run: sh`mkdir -p ${folder}; printf '%s\n' ${token} | write_file ${file}; chmod 644 ${file}`,
      undo: sh`rm -f ${file}`,
    },
    {
      title: reach,
      // made when the step begins, so the file is there
      stream: () => Readable.from(verdict()),
      run: lines(sh`read -r verdict || verdict=none; rm -f ${file}`, script('[[ $verdict == good ]]')),
      seconds: 60,
    },
  ];
}

/** The essence of certbot's output. */
export function explainCertbot(
  said: string[],
  authority: string,
  target: TargetName,
): { message: string; advice: string } {
  const text = said.join('\n');
  const limit =
    /rateLimited :: (?:[^\n]*? :: )?([^\n]+)/.exec(text)?.[1] ??
    /((?:too many|Rate limit)[^\n]*|[^\n]*rateLimited[^\n]*)/i.exec(text)?.[1];
  if (limit)
    return {
      message: `${authority}: rate limit reached: ${limit.trim()}`,
      advice: `wait until then; try with --staging, which does not count: ${taskCommand('certificates issue --staging', target)}`,
    };
  const refusal = /urn:ietf:params:acme:error:(\w+) :: (?:.*? :: )?([^\n]+)/.exec(text);
  if (/ConnectionError|Connection refused|NewConnectionError|Max retries exceeded|Read timed out/.test(text))
    return {
      message: `${authority} cannot be reached from the server`,
      advice: 'try again later; curl -I on the server shows whether it can connect',
    };
  if (/CERTIFICATE_VERIFY_FAILED|SSLError/.test(text))
    return {
      message: `the server does not trust ${authority}`,
      advice:
        'for an authority of your own: its root certificate to /usr/local/share/ca-certificates/ on the server, then sudo update-ca-certificates',
    };
  const refused = [...text.matchAll(/Domain: *(\S+)[\s\S]*?Detail: *([^\n]*)/g)];
  if (refused.length)
    return {
      message: `${authority} could not validate the domain: ${refused.map(([, domain = '', why = '']) => `${domain}: ${why.trim()}`).join('; ')}`,
      advice: `${taskCommand('certificates issue --staging', target)} tries again without using up the rate limit`,
    };
  return {
    message: `${authority} issued no certificate${refusal ? `: ${refusal[2]?.trim()} (${refusal[1]})` : ''}`,
    advice: `${taskCommand('certificates issue --staging', target)} tries again without using up the rate limit`,
  };
}

/** certbot's hints on how to ask for help are not ours. */
function shortened(detail: string): string {
  return detail
    .split('\n')
    .filter(
      line =>
        !/^(Ask for help|Saving debug log|Some challenges have failed|See the logfile|An unexpected error|AttributeError: can't set|this failed: certbot)/.test(
          line,
        ),
    )
    .slice(-14)
    .join('\n');
}
