// Applies a target's site to its proxy: the present file, the difference, and the steps that change it or leave everything as it was.
import { sha256 } from '../host/checksum.ts';
import { taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { lines, sh, type Command } from '../host/sh.ts';
import type { Facts } from '../release/facts.ts';
import type { Step } from '../plan/step.ts';
import { selfSigned } from './certificate-files.ts';
import { difference } from '../report/difference.ts';
import { proxyOf, type Proxy } from './proxies.ts';

/** What is on the server. */
export type SiteState = {
  front: Proxy;
  /** The proxy reads our file · nobody tied it yet · something else is in its place. */
  tied: 'ours' | 'missing' | { leadsTo: string };
  /** The file of the proxy as it is; undefined: there is none. */
  text: string | undefined;
  /** The other files, in the order of front.others. */
  others: (string | undefined)[];
  /** Whether the proxy has taken exactly what ops.yml says now. */
  isApplied: boolean;
  /** As `diff -u` would show it; empty when only the reload is missing. */
  difference: string;
};

/** Lines for askFacts. */
export function siteQuestion(target: Target): Command | undefined {
  const { site } = target;
  if (!site) return undefined;
  const front = proxyOf(target);
  return lines(
    ...[front.file, ...front.others.map(({ path }) => path)].map(
      (path, index) => sh`if [ -r ${path} ]; then head -c 300000 ${path} | fact ${`site${index}`}; fi`,
    ),
    sh`{ ${front.tied}; } 2>/dev/null | fact site-tied`,
    sh`cat ${`${site.folder}/applied`} 2>/dev/null | fact site-applied`,
    site.tls === 'certbot' &&
      sh`if [ -s ${`${site.folder}/certificate/fullchain.pem`} ]; then echo yes | fact site-certificate; fi`,
  );
}

/** Whether the proxy reads our file. */
export function isTied(facts: Facts): boolean {
  return tieOf(facts) === 'ours';
}

function tieOf(facts: Facts): SiteState['tied'] {
  const tied = facts.answers.get('site-tied')?.trim();
  return tied === 'ours' || tied === 'missing' ? tied : { leadsTo: tied || 'nowhere' };
}

export function siteState(target: Target, facts: Facts): SiteState {
  const { site } = target;
  const front = proxyOf(target);
  const word = (name: string) => facts.answers.get(name)?.trim() ?? '';
  const text = facts.answers.get('site0');
  const others = front.others.map((_, index) => facts.answers.get(`site${index + 1}`));
  const isWritten = text === front.text && front.others.every((other, index) => other.text === others[index]);
  const needsCertificate = site?.proxy === 'nginx' && site.tls === 'certbot' && !word('site-certificate');
  const differences = [
    difference(text ?? '', front.text, front.file),
    ...front.others.map((other, index) => difference(others[index] ?? '', other.text, other.path)),
  ];
  return {
    front,
    tied: tieOf(facts),
    text,
    others,
    isApplied: isWritten && word('site-applied') === markOf(front) && !needsCertificate,
    difference: differences.filter(Boolean).join('\n'),
  };
}

/** For a deploy: nothing when the proxy has what ops.yml says; a site that no admin tied to the proxy yet is left alone. */
export function siteSteps(target: Target, facts: Facts): Step[] {
  if (!target.site) return [];
  const state = siteState(target, facts);
  if (state.tied === 'ours') return state.isApplied ? [] : applySteps(target, state);
  const { name } = state.front;
  return [
    {
      title: `Apply the site to ${name}`,
      run: sh`true`,
      skip: `${name} does not read it yet; ${taskCommand('site apply', target)} says what to type as root`,
    },
  ];
}

/** Writes what ops.yml says; the proxy tests and loads it if it includes our file, otherwise the file is only there to be included. */
export function applySteps(target: Target, state: SiteState): Step[] {
  const { front } = state;
  const isTied = state.tied === 'ours';
  return [
    {
      // No undo: empty folders and a certificate that nobody names change nothing, and the next run wants them.
      title: `Make the folders of the site`,
      run: folders(target, front),
    },
    {
      title: isTied ? `Apply the site to ${front.name}` : `Write the site for ${front.name}`,
      input: front.text,
      run: lines(
        // The colon does nothing; it is there for those who read the plan.
        state.text !== undefined && state.difference !== '' && sh`: ${state.difference}`,
        sh`write_file ${front.file}`,
        ...front.others.map(({ path, text }) => sh`printf %s ${text} | write_file ${path}`),
        isTied && front.test,
        isTied && front.reload,
        isTied && sh`printf '%s\\n' ${markOf(front)} | write_file ${markFile(front)}`,
      ),
      undo: putBack(state, isTied),
    },
  ];
}

function folders({ site }: Target, { name }: Proxy): Command {
  if (!site) return sh`true`;
  const isCaching = site.routes.some(({ goes }) => 'upstream' in goes && goes.cacheSeconds !== undefined);
  return lines(
    sh`mkdir -p ${site.folder} ${`${site.folder}/acme`}`,
    // nginx gives the folder to its own user; the group stays, so the deploy user can empty and remove it
    name === 'nginx' && isCaching && sh`[ -d ${`${site.folder}/cache`} ] || mkdir -m 2770 ${`${site.folder}/cache`}`,
    name === 'nginx' && site.tls === 'certbot' && selfSigned(site),
  );
}

/** A tied file never goes away again: a proxy that finds a link to nothing would not start. */
function putBack({ front, text, others }: SiteState, isTied: boolean): Command {
  return lines(
    sh`printf '%s\\n' ${text?.replace(/\n$/, '') || '# nothing is applied yet'} | write_file ${front.file}`,
    ...front.others.map(({ path }, index) => {
      const was = others[index];
      return was ? sh`printf %s ${was} | write_file ${path}` : sh`rm -f ${path}`;
    }),
    sh`rm -f ${markFile(front)}`,
    // When the proxy refuses everything, another site's file is at fault, and it still runs with what it had.
    isTied &&
      sh`if ${front.test}; then ${front.reload}; else echo ${`${front.name} was not reloaded: it refuses its configuration also without this change`} >&2; fi`,
  );
}

function markFile({ file }: Proxy): string {
  return file.replace(/[^/]+$/, 'applied');
}

/** What the file `applied` holds once the proxy took these texts. */
function markOf({ text, others }: Proxy): string {
  return sha256([text, ...others.map(other => other.text)].join('\0'));
}
