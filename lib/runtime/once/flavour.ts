// Which ONCE a host has: the current program, the one of the older installer, or none; and what that one cannot do.
import { Failure } from '../../errors.ts';
import { answerLines, answerText, type Facts } from '../../release/facts.ts';
import { targetName } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';

export type OnceFlavour = { kind: 'current' | 'legacy' | 'unknown' | 'none'; version: string };

export function onceFlavour(facts: Facts): OnceFlavour {
  const [kind = '', version = ''] = answerText(facts, 'once').split(' ', 2);
  return { kind: kind === 'current' || kind === 'legacy' || kind === 'none' ? kind : 'unknown', version };
}

/** What runs of the app now, as `docker` tells it; undefined: nothing. */
export function onceApp(facts: Facts): { state: string; app: string; image: string; auto: string } | undefined {
  const [line] = answerLines(facts, 'containers');
  const [state = '', app = '', image = '', auto = ''] = (line ?? '').split(' ');
  return line === undefined ? undefined : { state, app, image, auto };
}

/** The volume with the app's data; empty: ONCE has no such app. */
export function volumeOf(facts: Facts): string {
  const app = onceApp(facts)?.app;
  return app ? `once-app-${app}` : '';
}

/** `ONCE v0.3.1, running, automatic updates off` */
export function onceInWords(facts: Facts): string {
  const { kind, version } = onceFlavour(facts);
  const app = onceApp(facts);
  const program = {
    current: `ONCE ${version}`.trim(),
    legacy: 'ONCE of the older installer',
    unknown: 'a program called once that is not ONCE',
    none: 'no ONCE',
  }[kind];
  if (!app) return `${program}, without the app`;
  const updates = app.auto === 'true' ? 'on' : app.auto === 'false' ? 'off' : 'unknown';
  return `${program}, ${app.state}, automatic updates ${updates}`;
}

/** @throws Failure 3 where the host's ONCE cannot run a chosen image, with what to do instead. */
export function verifyCurrentOnce(target: Target, facts: Facts): void {
  const { kind } = onceFlavour(facts);
  const { name } = target.host;
  if (kind === 'current') return;
  if (kind === 'legacy')
    throw new Failure(
      3,
      `the ONCE of ${name} is that of the older installer: it runs the newest image of its maker, and can neither deploy a commit nor restore a backup`,
      {
        advice: `for ${targetName(target)}: once data backup there, then the current ONCE (curl https://get.once.com | sh) or runtime: compose; docs/12-once.md has the steps`,
      },
    );
  throw new Failure(
    3,
    kind === 'none' ? `${name} has no ONCE` : `${name} has a program called once that is not the ONCE we know`,
    { advice: 'as root there: curl https://get.once.com | ONCE_INTERACTIVE=false sh' },
  );
}
