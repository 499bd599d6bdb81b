// The systemd unit of an app as it will stand on the server, rendered from systemd/app.service.liquid.
import { posix } from 'node:path';
import { targetName } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import { renderTemplate } from '../../proxy/template.ts';

const template = new URL('../../../systemd/app.service.liquid', import.meta.url);

/** The text of the unit file. @throws Failure 3 when the target is no systemd service, or a path is not allowed in a unit. */
export function renderUnit(target: Target): string {
  const { runtime, paths } = target;
  const who = targetName(target);
  const coloured = target.switch === 'blue-green';
  if (runtime.kind !== 'systemd') throw new Failure(3, `${who} has no systemd unit: its runtime is ${runtime.kind}`);
  // the link of the colour; %i is the word after the @
  const place = coloured ? `${path(target.root, who)}/%i` : path(paths.current, who);
  const database = target.database?.kind === 'sqlite' && posix.dirname(target.database.file);
  const outside = database && !`${database}/`.startsWith(`${paths.shared}/`) ? [database] : [];

  return renderTemplate(template, {
    app: target.app,
    environment: target.environment,
    unit: runtime.unit,
    file: `${runtime.unit}${coloured ? '@' : ''}.service`,
    colours: coloured && path(`${target.root}/proxy`, who),
    user: runtime.user,
    current: place,
    shared: path(paths.shared, who),
    env_files: target.env.map(env => path(env.file, who)),
    data_folders: outside.map(folder => path(folder, who)),
    // A root in somebody's home must stay readable; ReadWritePaths then opens shared/.
    protect_home: /^\/(home|root)\//.test(target.root) ? 'read-only' : 'true',
    start: start(runtime.start, place, who),
  });
}

/** Quotes, spaces and backslashes are read differently by each setting of a unit, so such paths are refused instead of guessed at. */
function path(text: string, who: string): string {
  if (!/^\/[\p{L}\p{N}/._+@:,=%-]*$/u.test(text))
    throw new Failure(3, `${who}: the path ${text} cannot stand in a systemd unit`, {
      advice: 'use letters, digits and . _ + @ : , = - in the root and in the paths of ops.yml',
    });
  return text.replaceAll('%', '%%');
}

/** systemd wants an absolute program; one that is named by a path inside the release gets the release's link before it. */
function start(command: string, place: string, who: string): string {
  const line = command.trim();
  if (line.includes('\n') || line.endsWith('\\'))
    throw new Failure(3, `${who}: systemd.start must be one line`, {
      advice: 'put more than that into a script of the app',
    });
  const [program = '', ...rest] = line.replaceAll('%', '%%').split(' ');
  const placed = program.includes('/') && !program.startsWith('/') ? posix.join(place, program) : program;
  return [placed, ...rest].join(' ');
}
