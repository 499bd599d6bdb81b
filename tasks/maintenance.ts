// Switches the maintenance page of a target on and off by its flag file, shows its state, and previews the page.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { targetName, taskCommand } from '../lib/target/command.ts';
import { Failure } from '../lib/errors.ts';
import { maintenanceQuestion, switchOff, switchOn } from '../lib/maintenance/maintenance.ts';
import { remoteAddress } from '../lib/maintenance/allow.ts';
import { readFlag } from '../lib/maintenance/flag.ts';
import { newLink } from '../lib/maintenance/link.ts';
import { pageOf, readMessage } from '../lib/maintenance/page.ts';
import { cronRuns, endMoment, readUntil, untilQuestion } from '../lib/maintenance/end-time.ts';
import { askFacts } from '../lib/deploy/ask-facts.ts';
import { runSteps } from '../lib/plan/run-steps.ts';
import { lines } from '../lib/host/sh.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Show visitors a page that says “back in a moment”, or stop showing it',
  examples: [
    'npx tsx tasks/maintenance.ts on --env production --message "moving house" --until 18:30',
    'npx tsx tasks/maintenance.ts on --env production --allow 203.0.113.4 --link',
    'npx tsx tasks/maintenance.ts off --env production',
    'npx tsx tasks/maintenance.ts status --env production',
    'npx tsx tasks/maintenance.ts preview --env production --message "moving house"',
  ],
  positionals: [
    {
      name: 'what',
      about: 'on, off, status, or preview, which writes the page to a file here',
      choices: ['on', 'off', 'status', 'preview'],
      required: true,
    },
  ],
  changes: true,
  args: {
    message: { type: 'string', value: 'text', about: 'what visitors read, at most 300 characters' },
    until: { type: 'string', value: 'time', about: 'when the server ends it: 18:30, 2026-11-21T18:30 or 2h' },
    allow: { type: 'list', value: 'address', about: 'an address that bypasses maintenance' },
    link: { type: 'boolean', about: 'print a link that bypasses maintenance' },
  },

  async run(context) {
    const { args, positionals, who } = context;
    const [what = ''] = positionals;
    refuseStrayFlags(what, args);
    const message = args.message === undefined ? undefined : readMessage(args.message);
    const wanted = args.until === undefined ? undefined : readUntil(args.until);
    const allow = args.allow.length ? [...new Set(args.allow.map(remoteAddress))] : undefined;
    const target = await context.target();
    const link = args.link ? newLink(target) : undefined;
    const { app, environment, maintenance } = target;
    const name = targetName(target);
    if (target.runtime.kind === 'once' && what === 'on')
      throw new Failure(3, `the proxy of ONCE knows no maintenance page, so visitors of ${name} would not see it`, {
        advice: `once stop ${target.runtime.host} on the host stops the app`,
      });

    if (what === 'preview' && !wanted) return preview(pageOf(maintenance, { message }));
    const host = await context.connect(target.host);
    const ask = (until = wanted) =>
      askFacts(host, target, undefined, lines(maintenanceQuestion(target), until && untilQuestion(until)));
    const facts = await ask();
    const asked = args.until === undefined ? undefined : endMoment(facts, args.until, host.name);
    if (what === 'preview') return preview(pageOf(maintenance, { message, until: asked }));

    const was = facts.flag === undefined ? undefined : readFlag(facts.flag, facts.now);
    const passing = (facts.answers.get('allow') ?? '').split('\n').filter(Boolean);
    const isLinked = Number(facts.answers.get('links') ?? 0) > 0;
    const json = { app, environment, on: was !== undefined, flag: maintenance.flag };
    if (what === 'status') {
      if (!was) return { text: `maintenance of ${name} is off`, json };
      const { words, on: _, ...rest } = was;
      const passes = [...passing, ...(isLinked ? ['whoever has the link'] : [])];
      return {
        text: `maintenance of ${name} is ${words}${passes.length ? `\nbypass maintenance: ${passes.join(', ')}` : ''}`,
        json: { ...json, ...rest, allow: passing, link: isLinked },
      };
    }

    if (what === 'off') {
      if (!was) return { text: `maintenance of ${name} is off already`, json };
      const shown = await runSteps(context, host, target, {
        action: 'maintenance off',
        steps: [switchOff(target)],
      });
      return args.plan ? shown : { text: `maintenance of ${name} is off`, json: { ...json, on: false } };
    }

    const named = [args.message, args.until, allow, link].some(one => one !== undefined);
    if (was && !named) return { text: `maintenance of ${name} is on already: ${was.words}`, json };
    // What is not named stays as it is.
    const kept =
      asked ?? (was?.until && !was.isOver ? endMoment(await ask({ at: was.until }), was.until, host.name) : undefined);
    if (kept && !cronRuns(facts))
      throw new Failure(1, `no cron runs on ${host.name}, so nothing there would end the maintenance of ${name}`, {
        advice: `sudo apt-get install cron on the host; or leave out --until and end it yourself: ${taskCommand('maintenance off', target)}`,
      });
    const step = switchOn(target, {
      by: who,
      message: message ?? was?.message,
      until: kept,
      allow,
      token: link?.token,
    });
    const shown = await runSteps(context, host, target, { action: 'maintenance on', steps: [step] });
    if (args.plan) return shown;
    const passes = allow ?? (was ? passing : []);
    const text = [
      `maintenance of ${name} is on${kept ? ` until ${kept.words}, when the server itself ends it` : ''}`,
      ...(passes.length ? [`bypass maintenance: ${passes.join(', ')}`] : []),
      ...(link ? [`and whoever opens this link, for 12 hours: ${link.url}`] : []),
    ];
    return {
      text: text.join('\n'),
      json: { ...json, on: true, until: kept?.iso, message: message ?? was?.message, allow: passes, link: link?.url },
    };
  },
});

function refuseStrayFlags(
  what: string,
  args: { message?: string | undefined; until?: string | undefined; allow: string[]; link: boolean },
) {
  const onPage = [args.message !== undefined && '--message', args.until !== undefined && '--until'];
  const onServer = [args.allow.length > 0 && '--allow', args.link && '--link'];
  const stray = [...(what === 'on' || what === 'preview' ? [] : onPage), ...(what === 'on' ? [] : onServer)].find(
    Boolean,
  );
  if (stray) throw new Failure(2, `${stray} goes with on`);
}

function preview(page: string) {
  const file = join(mkdtempSync(join(tmpdir(), 'bookops-preview-')), 'maintenance.html');
  writeFileSync(file, page);
  const opener = platform() === 'darwin' ? 'open' : 'xdg-open';
  return {
    text: `the page is in ${file}\nopen it: ${opener} ${file}, or ${pathToFileURL(file).href} in a browser`,
    json: { file },
  };
}
