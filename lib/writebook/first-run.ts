// The first administrator of a Writebook: what may be asked for, and the answer of the application.
import * as v from 'valibot';
import { Failure } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { targetName, taskCommand } from '../target/command.ts';
import type { Application } from './program/application.ts';
import { runProgram } from './program/program.ts';

/** `manual`: also make the book that the application's own first run makes. */
export type FirstUser = { name: string; email: string; password: Secret; manual: boolean };

const answer = v.object({
  made: v.boolean(),
  manual: v.nullable(v.number()),
  administrators: v.array(v.string()),
  own: v.boolean(),
});
export type FirstRun = v.InferOutput<typeof answer>;

/** bcrypt ignores what is beyond: two passwords that begin alike would be one. */
const longest = 72;
const shortest = 8;

/** @throws Failure 2 for a name, an address or a password that nobody could sign in with, or that anybody could guess. */
export function refuseUser({ name, email, password }: FirstUser): void {
  const bytes = Buffer.byteLength(password.reveal());
  if (!name.trim() || /\p{Cc}/u.test(name)) throw new Failure(2, 'a name has to be one line, with something in it');
  if (!/^[^\s@]+@[^\s@]+$/.test(email) || /\p{Cc}/u.test(email))
    throw new Failure(2, `${JSON.stringify(email)} is not an e-mail address`, {
      advice: 'for example --email ada@example.com',
    });
  if (bytes < shortest) throw new Failure(2, `the password is shorter than ${shortest} characters`);
  if (bytes > longest)
    throw new Failure(2, `the password has ${bytes} bytes, and Writebook would only compare the first ${longest}`);
}

/** What is there already; null: nobody, so the first run is still to be made. Changes nothing. */
export function lookAtUsers(application: Application, user: FirstUser): Promise<FirstRun | null> {
  return ask(application, 'look', user, v.nullable(answer));
}

/** Makes account and user in one transaction, when there is no user. @throws Failure 1 when the application does not run */
export function makeFirstUser(application: Application, user: FirstUser): Promise<FirstRun> {
  return ask(application, 'make', user, answer);
}

function ask<T extends v.GenericSchema>(
  application: Application,
  does: string,
  user: FirstUser,
  schema: T,
): Promise<v.InferOutput<T>> {
  const { name, email, password, manual } = user;
  return runProgram(application, { do: does, name, email, manual, password: password.reveal() }, schema, {
    program: 'first-run.rb',
  });
}

/** @throws Failure 1 when somebody else made the first account: whoever that was administers the book now. */
export function refuseOthers({ target }: Application, { email }: FirstUser, { own, administrators }: FirstRun): void {
  if (own) return;
  const known = administrators.includes(email);
  throw new Failure(
    1,
    known
      ? `${targetName(target)} has an administrator ${email}, with another password`
      : `${targetName(target)} was set up already, and not by ${email}`,
    {
      detail: administrators.length ? `administrators: ${administrators.join(', ')}` : 'it has no active administrator',
      advice: known
        ? `sign in with the password of then; a forgotten one: ${taskCommand('exec -i', target)} -- sh, there script/admin/reset-password`
        : `if you do not know who that is: ${taskCommand('maintenance on', target)}, then look into the accounts`,
    },
  );
}
