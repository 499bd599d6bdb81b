// Sample targets of every runtime, and the plans that a first deploy, a second, a rollback and a restart make for them.
import { Readable } from 'node:stream';
import type { Target } from '../../../lib/target/target.ts';
import type {
  ComposeSettings,
  OnceSettings,
  ProcessSettings,
  SystemdSettings,
} from '../../../lib/target/runtime-settings.ts';
import { readFacts, type Facts } from '../../../lib/release/facts.ts';
import { factsCommand } from '../../../lib/deploy/ask-facts.ts';
import { healthQuestion } from '../../../lib/deploy/health-now.ts';
import { withBootLine } from '../../../lib/cron/reboot-line.ts';
import { releaseAt, type Release } from '../../../lib/release/release.ts';
import type { Plan } from '../../../lib/plan/step.ts';
import { switchFor } from '../../../lib/deploy/switch/switch.ts';
import { type Change } from '../../../lib/release/change.ts';
import { runtimeOf } from '../../../lib/runtime/runtime-of.ts';
import { Secret } from '../../../lib/secret.ts';

export const compose: ComposeSettings = {
  kind: 'compose',
  file: 'ops/compose.yml',
  project: 'book-staging',
  accessories: ['redis'],
  service: 'backend',
  variables: { PORT: '4100', GREETING: 'two "words" $HOME' },
  registry: { server: 'ghcr.io', username: 'ana', password: { env: 'TOKEN' } },
  stopSeconds: 10,
};

export const systemd: SystemdSettings = {
  kind: 'systemd',
  unit: 'book',
  user: 'bib',
  shared: ['.env', 'data/uploads'],
  install: 'npm ci && echo "it\'s done"',
  start: '/usr/bin/node server.mjs',
};

export const once: OnceSettings = {
  kind: 'once',
  host: 'book.example.org',
  image: 'ghcr.io/ana/writebook',
  tls: true,
};

export const process: ProcessSettings = {
  kind: 'process',
  start: 'exec node server.mjs',
  shared: ['data'],
  install: 'true',
};

export function sample(more: Partial<Target> = {}, root = "/srv/it's a book/staging"): Target {
  return {
    app: 'book',
    environment: 'staging',
    host: { name: 'here', kind: 'local' },
    root,
    paths: { releases: `${root}/releases`, current: `${root}/current`, shared: `${root}/shared` },
    repo: '/srv/clone of book',
    tracks: 'main',
    requires: undefined,
    switch: 'maintenance',
    keep: 2,
    runtime: process,
    env: [{ file: `${root}/env/a b.env`, keys: {}, checks: [] }],
    database: {
      kind: 'sqlite',
      exclusive: true,
      file: `${root}/shared/it's.db`,
      as: undefined,
      snapshots: `${root}/backups/x y`,
      keep: 3,
    },
    migrate: { command: 'echo "it\'s" && bin/migrate', preset: undefined, service: undefined, seconds: 60 },
    health: {
      probes: [
        {
          name: 'ready',
          url: 'http://127.0.0.1:4000/up?a=1&b=2',
          status: 200,
          json: { 'a.b': "it's {sha}" },
          header: { name: 'X-Version', value: '{sha7}' },
        },
      ],
      deadlineSeconds: 5,
      intervalSeconds: 0.5,
    },
    maintenance: { flag: `${root}/maintenance/ON`, page: `${root}/maintenance/maintenance.html`, source: undefined },
    site: undefined,
    ...more,
  };
}

export const [first, second, third] = ['1', '2', '3'].map(letter => letter.repeat(40)) as [string, string, string];
export const when = new Date('2026-11-20T12:00:04Z');

/** Facts as they are read from the host's answer. */
export function factsOf(target: Target, said: Record<string, string>): Facts {
  const text = Object.entries({
    now: String(when.getTime() / 1000),
    user: 'ana',
    disk: '9000000000 10000000000',
    ...said,
  });
  return readFacts(text.map(([name, value]) => `${name} ${Buffer.from(value).toString('base64')}`).join('\n'), target);
}

/** A first deploy, for what only asks for its id and its notes. */
export function changeOf(target: Target, id: string): Change {
  return {
    facts: factsOf(target, {}),
    next: { sha: first, name: 'x', folder: '/x' },
    was: undefined,
    id,
    notes: {},
  };
}

const named = (target: Target, sha: string): Release => releaseAt(target.paths.releases, when, sha, []);

export type Story = { name: string; target: Target; change: Change; plan: Plan };

const takeOver = {
  files: ['services: {}\n', "x-more: it's\n"],
  folder: "/srv/it's theirs",
  before: "/srv/it's theirs/.env",
  services: ['backend', 'frontend'],
};

/** Every target × every kind of change, with what it makes. */
export function stories(): Story[] {
  const targets: [string, Target][] = [
    ['process', sample()],
    [
      'process, no database, no install',
      sample({
        runtime: { ...process, install: undefined, shared: [] },
        database: undefined,
        migrate: undefined,
        env: [],
      }),
    ],
    [
      'systemd',
      sample({
        runtime: systemd,
        database: {
          kind: 'sqlite',
          exclusive: true,
          file: '/srv/x/shared/b.db',
          as: 'bib',
          snapshots: '/srv/x/snap shots',
          keep: 3,
        },
      }),
    ],
    ['systemd, no migration', sample({ runtime: systemd, migrate: undefined })],
    [
      'compose',
      sample({
        runtime: compose,
        database: {
          kind: 'sqlite',
          exclusive: true,
          file: '/srv/x/data/b.db',
          as: 'root',
          snapshots: '/srv/x/snap shots',
          keep: 3,
        },
      }),
    ],
    [
      'compose, no registry, nothing stays',
      sample({ runtime: { ...compose, registry: undefined, accessories: [], variables: {} }, database: undefined }),
    ],
    ['once', sample({ runtime: once, database: undefined, migrate: undefined, env: [] })],
    [
      'compose, no probes',
      sample({ runtime: compose, health: { probes: [], deadlineSeconds: 5, intervalSeconds: 0.5 } }),
    ],
  ];
  return targets.flatMap(([name, target]) => {
    const old = [
      '20260101_000000_1111111',
      '20260102_000000_2222222',
      '20260103_000000_4444444',
      '20260104_000000_5555555',
    ];
    const log = [first, second]
      .map((sha, index) => `2026-01-0${index + 1}T00:00:00Z env=staging sha=${sha} release=${old[index]}`)
      .join('\n');
    const none = factsOf(target, { cron: 'yes', once: 'current v0.3.1' });
    const some = factsOf(target, {
      cron: 'yes',
      boot: 'yes',
      once: 'current v0.3.1',
      log,
      current: second,
      previous: first,
      folders: old.join('\n'),
    });
    const was: Release = { sha: second, name: old[1] ?? '', folder: `${target.paths.releases}/${old[1]}` };
    const before: Release = { sha: first, name: old[0] ?? '', folder: `${target.paths.releases}/${old[0]}` };
    const change = (facts: Facts, next: Release, from: Release | undefined): Change => ({
      facts,
      next,
      was: from,
      id: '20261120-120004',
      notes: {},
    });
    const changes: [string, Change, 'prepare' | 'recheck'][] = [
      ['first deploy', change(none, named(target, third), undefined), 'prepare'],
      ['second deploy', change(some, named(target, third), was), 'prepare'],
      [
        'deploy over another tool',
        change(some, named(target, third), {
          ...was,
          name: 'adopted_2222222',
          folder: `${target.paths.releases}/adopted_2222222`,
        }),
        'prepare',
      ],
      ['rollback', change(some, before, was), 'recheck'],
      ['restart', change(some, was, was), 'recheck'],
    ];
    return changes.map(([what, one, how]) => ({
      name: `${name}: ${what}`,
      target,
      change: one,
      plan: withBootLine(
        target,
        one.facts,
        switchFor(target, one, {
          before:
            how === 'prepare'
              ? runtimeOf(target).prepare(one, {
                  archive: () => Readable.from(['']),
                  composeFile: 'services: {}\n# it\'s "$x"\n',
                  password: new Secret('canary-password'),
                  ...(one.was?.name.startsWith('adopted_') && { takeOver }),
                })
              : runtimeOf(target).verify(one),
          changesData: how === 'prepare',
          why: "by ana: it's a deploy",
        }),
      ),
    }));
  });
}

/** Every text that a story sends to the host, by what it is; steps and undos with the words of prelude.sh in front. */
export function textsOf({ name, target, change, plan }: Story, prelude: string): [string, string][] {
  const runtime = runtimeOf(target);
  const question = { follow: true, since: 5, until: 9, lines: 20, grep: "it's" };
  return [
    ...[...plan.steps, ...plan.finish].flatMap((step): [string, string][] => [
      [`${name}: ${step.title}`, `${prelude}\n${step.run.text}`],
      ...(step.undo ? [[`${name}: undo ${step.title}`, `${prelude}\n${step.undo.text}`] as [string, string]] : []),
    ]),
    [`${name}: facts`, factsCommand(target, target, healthQuestion(target, change.was)).text],
    [`${name}: exec`, `${prelude}\n${runtime.exec(change.next, ['echo', '', "it's", '$(x)'], false, undefined).text}`],
    [`${name}: logs`, `${prelude}\n${runtime.logs(question, change.next, true).text}`],
    [
      `${name}: all logs`,
      `${prelude}\n${runtime.logs({ follow: false, since: undefined, until: undefined, lines: undefined, grep: undefined }, change.next, false).text}`,
    ],
    [`${name}: remove`, `${prelude}\n${runtime.remove(["/srv/it's/a"]).text}`],
  ];
}
