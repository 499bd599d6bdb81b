// Builds the alert settings of a target from a checked ops.yml.
import { ageOf } from '../../duration.ts';
import type { WrittenAlert } from '../schema/file.ts';
import type { AlertSettings, Backup } from '../../target/backup-settings.ts';
import { secretAt, texts, type Section } from './given.ts';

export function watchOf(
  { alerts, expected_every: every, proven_within: proven, metrics, references, drill }: Section<'backup'>,
  known: ReadonlyMap<string, AlertSettings>,
): Omit<Backup, 'stores' | 'files' | 'keep'> {
  return {
    ...(alerts && { alerts: alerts.flatMap(name => known.get(name) ?? []) }),
    ...(every !== undefined && { everySeconds: ageOf(every) }),
    ...(proven !== undefined && { provenSeconds: ageOf(proven) }),
    ...(metrics !== undefined && { metrics }),
    ...(references !== undefined && { references }),
    ...(drill && {
      drill: {
        start: drill.start,
        env: texts(drill.env ?? {}),
        ready: drill.ready,
        seconds: drill.seconds ?? 60,
        shared: drill.shared ?? [],
        ...(drill.check !== undefined && { check: drill.check }),
        ...(drill.application && { application: drill.application }),
      },
    }),
  };
}

export function buildAlert(name: string, alert: WrittenAlert, folder: string): AlertSettings {
  if (alert.kind === 'mail') return { name, kind: alert.kind, to: alert.to };
  return { name, kind: alert.kind, url: secretAt(alert.url, folder) };
}
