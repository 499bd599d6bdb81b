// Builds the alert settings of a target from a checked ops.yml.
import { ageOf } from '../../duration.ts';
import { local } from '../merge.ts';
import type { Settings, WrittenAlert } from '../schema/file.ts';
import type { AlertSettings, Backup } from '../../target/backup-settings.ts';

type Watch = Omit<Backup, 'stores' | 'files' | 'keep'>;

export function watchOf(
  { alerts, expected_every: every, proven_within: proven, metrics, references, drill }: NonNullable<Settings['backup']>,
  known: ReadonlyMap<string, AlertSettings>,
): Watch {
  return {
    ...(alerts && { alerts: alerts.flatMap(name => known.get(name) ?? []) }),
    ...(every !== undefined && { everySeconds: ageOf(every) }),
    ...(proven !== undefined && { provenSeconds: ageOf(proven) }),
    ...(metrics !== undefined && { metrics }),
    ...(references !== undefined && { references }),
    ...(drill && {
      drill: {
        start: drill.start,
        env: Object.fromEntries(Object.entries(drill.env ?? {}).map(([key, value]) => [key, String(value)])),
        ready: drill.ready,
        seconds: drill.seconds ?? 60,
        shared: drill.shared ?? [],
      },
    }),
  };
}

export function buildAlert(name: string, alert: WrittenAlert, folder: string): AlertSettings {
  if (alert.kind === 'mail') return { name, kind: alert.kind, to: alert.to };
  const { kind, url } = alert;
  return { name, kind, url: 'env' in url ? url : { file: local(url.file, folder) } };
}
