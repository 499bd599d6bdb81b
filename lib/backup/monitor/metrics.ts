// A target's backups as metrics: the text that Prometheus' node exporter reads from a file on the host.
import type { Target } from '../../target/target.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { isComplete } from '../catalog.ts';
import { runs, type InStore } from './freshness.ts';
import type { AlertState } from '../../alert/state.ts';
import type { Drilled } from '../drill/last-proven.ts';

export type Figures = {
  stores: readonly InStore[];
  known: readonly AlertState[];
  proven: Drilled | undefined;
};

type Sample = { labels?: Record<string, string>; value: number };

/** The whole file. Times are seconds since 1970, by the host's clock. */
export function metricsOf({ app, environment }: Pick<Target, 'app' | 'environment'>, figures: Figures): string {
  const { stores, known, proven } = figures;
  const ran = known.filter(one => runs.includes(one.subject));
  const of = (one: AlertState) => ({ task: one.subject });
  const read = stores.flatMap(({ name, held }) => {
    const whole = held?.filter(isComplete);
    return whole ? [{ labels: { store: name }, whole, newest: whole[0] }] : [];
  });
  const families: [string, string, Sample[]][] = [
    [
      'last_run_timestamp_seconds',
      'When the task ended last.',
      ran.map(one => ({ labels: of(one), value: at(one.at) })),
    ],
    [
      'last_success_timestamp_seconds',
      'When the task ended well last.',
      ran.flatMap(one => (one.good ? [{ labels: of(one), value: at(one.good) }] : [])),
    ],
    [
      'last_run_seconds',
      'What the last run of the task took.',
      ran.flatMap(one => (one.seconds === undefined ? [] : [{ labels: of(one), value: one.seconds }])),
    ],
    [
      'last_run_good',
      'Whether the last run of the task ended well.',
      ran.map(one => ({ labels: of(one), value: Number(one.state === 'good') })),
    ],
    ['count', 'Whole backups in the store.', read.map(({ labels, whole }) => ({ labels, value: whole.length }))],
    [
      'newest_timestamp_seconds',
      'When the newest whole backup was taken.',
      read.flatMap(({ labels, newest }) => (newest ? [{ labels, value: at(newest.time) }] : [])),
    ],
    [
      'newest_bytes',
      'What the newest whole backup takes in the store.',
      read.flatMap(({ labels, newest }) => (newest ? [{ labels, value: newest.bytes }] : [])),
    ],
    [
      'proven_timestamp_seconds',
      'When the youngest proven backup was taken.',
      proven ? [{ value: at(proven.taken) }] : [],
    ],
    [
      'restore_seconds',
      'What its restore took in the drill.',
      proven?.restoreSeconds === undefined ? [] : [{ value: proven.restoreSeconds }],
    ],
    ['problems', 'What is wrong now.', [{ value: known.filter(one => one.state === 'bad').length }]],
  ];
  return families
    .filter(([, , samples]) => samples.length)
    .map(([name, help, samples]) =>
      [
        `# HELP bookops_backup_${name} ${help}`,
        `# TYPE bookops_backup_${name} gauge`,
        ...samples.map(
          ({ labels, value }) => `bookops_backup_${name}{${pairs({ app, environment, ...labels })}} ${value}`,
        ),
        '',
      ].join('\n'),
    )
    .join('');
}

function at(time: Date): number {
  return time.getTime() / 1000;
}

function pairs(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`)
    .join(',');
}

/** Whole or not at all, readable for the exporter; what is half written does not end in .prom. */
export function writeMetrics(file: string, text: string): Command {
  return lines(
    script('set -e; umask 022'),
    sh`making=$(mktemp ${`${file}.XXXXXXXX`})
trap 'rm -f "$making"' EXIT
printf %s ${text} >"$making"
chmod 644 "$making"
mv -fT -- "$making" ${file}`,
  );
}
