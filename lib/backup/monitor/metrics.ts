// A target's backups as metrics: the text that Prometheus' node exporter reads from a file on the host.
import type { Target } from '../../target/target.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { isComplete, type CompleteBackup } from '../catalog.ts';
import { runs, type InStore } from './freshness.ts';
import type { AlertState } from '../../alert/state.ts';
import type { Drilled } from '../drill/last-proven.ts';

export type Figures = {
  stores: readonly InStore[];
  known: readonly AlertState[];
  proven: Drilled | undefined;
};

/** Without a value there is no line. */
type Sample = { labels?: Record<string, string>; value: number | undefined };

/** The whole file. Times are seconds since 1970, by the host's clock. */
export function metricsOf({ app, environment }: Pick<Target, 'app' | 'environment'>, figures: Figures): string {
  const { stores, known, proven } = figures;
  const ran = known.filter(one => runs.includes(one.subject));
  const whole = stores.flatMap(({ name, held }) => (held ? [{ name, all: held.filter(isComplete) }] : []));
  const perTask = (value: (one: AlertState) => number | undefined) =>
    ran.map(one => ({ labels: { task: one.subject }, value: value(one) }));
  const perStore = (value: (all: CompleteBackup[]) => number | undefined) =>
    whole.map(({ name, all }) => ({ labels: { store: name }, value: value(all) }));
  const families: [string, string, Sample[]][] = [
    ['last_run_timestamp_seconds', 'When the task ended last.', perTask(one => at(one.at))],
    ['last_success_timestamp_seconds', 'When the task ended well last.', perTask(one => at(one.good))],
    ['last_run_seconds', 'What the last run of the task took.', perTask(one => one.seconds)],
    ['last_run_good', 'Whether the last run of the task ended well.', perTask(one => Number(one.state === 'good'))],
    ['count', 'Whole backups in the store.', perStore(all => all.length)],
    ['newest_timestamp_seconds', 'When the newest whole backup was taken.', perStore(([newest]) => at(newest?.time))],
    ['newest_bytes', 'What the newest whole backup takes in the store.', perStore(([newest]) => newest?.bytes)],
    ['proven_timestamp_seconds', 'When the youngest proven backup was taken.', [{ value: at(proven?.taken) }]],
    ['restore_seconds', 'What its restore took in the drill.', [{ value: proven?.restoreSeconds }]],
    ['problems', 'What is wrong now.', [{ value: known.filter(one => one.state === 'bad').length }]],
  ];
  return families
    .flatMap(([name, help, samples]) => {
      const lines = samples.flatMap(({ labels, value }) =>
        value === undefined ? [] : `bookops_backup_${name}{${pairs({ app, environment, ...labels })}} ${value}\n`,
      );
      const head = `# HELP bookops_backup_${name} ${help}\n# TYPE bookops_backup_${name} gauge\n`;
      return lines.length ? [head, ...lines] : [];
    })
    .join('');
}

function at(time: Date | undefined): number | undefined {
  return time && time.getTime() / 1000;
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
