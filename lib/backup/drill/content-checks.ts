// What a drill asks the app that it started: the check that ops.yml names, and for applications that we know, a look at their content.
import { readFileSync } from 'node:fs';
import type { Check } from '../../finding.ts';
import type { DrillStart } from '../../target/backup-settings.ts';
import { lines, sh, type Command } from '../../host/sh.ts';

const writebook = readFileSync(new URL('./writebook.rb', import.meta.url), 'utf8');

/** How long all of it may take, in seconds. */
export function contentSeconds({ application, check, seconds }: DrillStart): number {
  return (application ? seconds : 0) + (check === undefined ? 0 : seconds);
}

/** To be run when the app is ready; `inside <seconds> <words>` becomes a program beside it, `log` is a file for what that says. */
export function contentChecks(start: DrillStart, shell: Command, log: Command): Command[] {
  const { application, check, seconds } = start;
  const ask = (name: string, command: Command) => sh`if [ "$is_ready" ]; then
  ${command} >${log} 2>&1 &
  check=$!
  wait "$check"
  echo ${name} $? "$(tail -c 4000 ${log} | base64 -w0)"
  check=
fi`;
  return [
    application && ask('content', sh`printf %s ${writebook} | inside ${seconds} bin/rails runner -`),
    check !== undefined && ask('check', sh`inside ${seconds} ${shell} -c ${check} </dev/null`),
  ]
    .filter(one => typeof one === 'object')
    .map(one => lines(one));
}

/** One check each, with the lines that it printed; none when the app was not ready. */
export function readContentChecks(said: string, { application, seconds }: DrillStart): (Check & { log: string })[] {
  return [...said.matchAll(/^(content|check) (\d+) (\S*)$/gm)].map(([, kind, code, encoded = '']) => {
    const log = Buffer.from(encoded, 'base64').toString();
    const printed = log.split('\n').filter(line => line.trim());
    const [, marked] = /^bookops-content (".*")$/m.exec(log) ?? [];
    const last = kind === 'content' && marked !== undefined ? String(JSON.parse(marked)) : printed.at(-1)?.trim();
    const good = code === '0';
    const found =
      code === '124' ? `no answer within ${seconds} s` : (last ?? (good ? 'passed' : `exited with ${code}`));
    return { name: kind === 'content' ? `the content of ${application}` : "the app's own check", good, found, log };
  });
}
