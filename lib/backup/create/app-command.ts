// The app's own backup command: it runs once, and what it writes is a part of the backup like the others.
import { targetName } from '../../target/command.ts';
import type { Check } from '../../finding.ts';
import type { Target } from '../../target/target.ts';
import { type AppCommand, type BackupFiles, recipientsOf } from '../../target/backup-settings.ts';
import { Failure } from '../../errors.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { serving } from '../../release/serving.ts';
import { askFacts } from '../../deploy/ask-facts.ts';
import type { Item } from '../../report/items.ts';
import { printArchive, proveArchive } from '../../runtime/once/archive.ts';
import { runtimeOf } from '../../runtime/runtime-of.ts';
import { packedFile } from '../../host/packing.ts';
import { whileOpening } from '../verify/damage.ts';
import { readSent, sendFiles } from '../files/tar-stream.ts';
import { run, type Remote } from '../../host/run.ts';
import { listAll } from '../files/inventory.ts';
import { plainName, type Manifest, type Part } from '../manifest.ts';
import { archived, type Send } from '../files/pack.ts';
import { surveyFiles } from '../files/survey.ts';
import { inspectPacks, scratchFlags } from '../files/pack-chain.ts';
import { withoutMarks } from '../files/unpack.ts';
import { checksumStream, sha256Of } from '../../host/checksum.ts';

type CommandFacts = NonNullable<Manifest['own']>;

/** What the command has made, on the host. */
export type OwnMade = {
  own: AppCommand;
  name: 'app.tar.zst' | 'app.zst';
  /** Prints it, compressed, and encrypted when the target's backups are. */
  send: Command;
  /** Of a stream; undefined: the archive tells it while it is made. */
  raw: Pick<Part, 'rawBytes' | 'rawSha256'> | undefined;
  /** Bytes that it will take in a store. */
  atMost: number;
  noted: string[];
};

/** @throws Failure 1 with its last output when the command fails, takes too long, or writes nothing. */
export async function makeOwn(way: Remote, target: Target, own: AppCommand, scratch: string): Promise<OwnMade> {
  const what = "the app's own backup";
  const late = new Failure(1, `${what} took longer than ${own.seconds} s`, {
    detail: own.words.join(' '),
    advice: 'backup: { command: { seconds: … } } in ops.yml says how long it may take',
  });
  const clock = new AbortController();
  const timer = setTimeout(() => clock.abort(late), own.seconds * 1000);
  const timed = { ...way, signal: AbortSignal.any([way.signal, clock.signal]) };
  try {
    const command = await commandOf(way, target, own);
    if (own.writes !== '-') return await givesPath(timed, target, own, command, `${scratch}/own`);
    const file = `${scratch}/app.zst`;
    const said = await run(
      timed,
      lines(
        script('set -uo pipefail'),
        sh`{ ${command}; } | zstd -q -3 -c >${file} || exit 1`,
        sh`echo "bytes $(zstd -dqc ${file} | wc -c)"`,
        sh`echo "sha256 $(zstd -dqc ${file} | { ${checksumStream}; })"`,
      ),
      what,
    );
    const [, bytes = '0'] = /^bytes (\d+)$/m.exec(said) ?? [];
    const [, sum = ''] = /^sha256 ([0-9a-f]{64})$/m.exec(said) ?? [];
    if (bytes === '0') throw nothing(own, 'it printed nothing');
    const raw = { rawBytes: Number(bytes), rawSha256: sum };
    return {
      own,
      name: 'app.zst',
      send: packedFile(file, recipientsOf(target), true),
      raw,
      atMost: raw.rawBytes,
      noted: [],
    };
  } finally {
    clearTimeout(timer);
  }
}

async function givesPath(
  way: Remote,
  target: Target,
  own: AppCommand,
  command: Command,
  scratch: string,
): Promise<OwnMade> {
  const files: BackupFiles = { include: [own.writes], exclude: [], as: own.as };
  const path = `${target.root}/${own.writes}`;
  const look = sh`find ${path} -type f -size +0c -newermt "@$began" -print -quit 2>/dev/null`;
  const said = await run(
    way,
    lines(
      // times of files are those of the last tick of the clock, which may be a moment before
      sh`began=$(($(date +%s) - 1))`,
      sh`{ ${command}; } >&2 || exit 1`,
      own.as ? sh`as_user ${own.as} ${look}` : look,
    ),
    "the app's own backup",
  );
  if (!said.trim()) throw nothing(own, `${path} was not written again`);
  await run(way, sh`mkdir ${scratch}`, 'looking at it');
  const { noted, ...survey } = await surveyFiles(way, target, files, { id: 'own', scratch });
  await run(way, listAll(scratch), 'looking at it');
  const send = sendFiles(target, files, `${scratch}/list`, recipientsOf(target));
  return { own, name: 'app.tar.zst', send, raw: undefined, atMost: archived(survey), noted };
}

async function commandOf(way: Remote, target: Target, { words, service, as }: AppCommand): Promise<Command> {
  if (target.runtime.kind === 'once') return printArchive(target.runtime, target.root);
  if (service === undefined) return sh`cd ${target.root} && ${as ? sh`as_user ${as} ` : sh``}${words}`;
  const now = serving(target, await askFacts(way.host, target));
  if (now) return runtimeOf(target).exec(now, words, false, service);
  throw new Failure(1, `nothing is deployed to ${targetName(target)}, so its service ${service} does not run`);
}

function nothing({ words }: AppCommand, why: string): Failure {
  return new Failure(1, `the app's own backup succeeded but wrote nothing: ${why}`, {
    detail: words.join(' '),
    advice: 'look at backup.command in ops.yml: run, and writes',
  });
}

/** Stores it with `put`, which stores what a command on the host prints and says what that wrote to standard error. */
export async function sendOwn(
  { own, name, send, raw, atMost, noted }: OwnMade,
  put: Send,
): Promise<{ part: Part; facts: CommandFacts }> {
  const { said, ...stored } = await put(name, send, atMost, raw?.rawSha256 ?? undefined);
  const facts = { command: own.words.join(' '), gives: own.writes };
  if (raw) return { part: { ...stored, ...raw }, facts: { ...facts, count: null, noted } };
  const sent = readSent(said);
  return {
    part: { ...stored, rawBytes: sent.rawBytes, rawSha256: null },
    facts: { ...facts, count: sent.count, noted: [...noted, ...sent.noted].slice(0, 1000) },
  };
}

/** Items for a drill or a restore: it unpacks into `app` beside the part, and is what was promised. */
export function ownItems(
  way: Remote,
  folder: string,
  part: Part,
  facts: CommandFacts,
  note: (...found: Check[]) => void,
): Item[] {
  const [file, to] = [`${folder}/${plainName(part)}`, `${folder}/app`];
  const { count, gives } = facts;
  const unpack = async (text: Command) => (await whileOpening(() => run(way, text, 'unpacking'))).trim();
  const ofStream = async () => {
    const text = lines(
      script('set -uo pipefail'),
      sh`zstd -dqc ${file} | head -c ${part.rawBytes + 1} >${to}`,
      sha256Of(to),
    );
    const good = (await unpack(text)) === part.rawSha256;
    note({ name: "the app's own", good, found: good ? `${part.rawBytes} bytes` : 'its checksum does not match' });
    const [, once] = /^once backup (\S+)$/.exec(facts.command) ?? [];
    if (once === undefined) return;
    const held = await whileOpening(() => run(way, proveArchive(to, once, folder), 'opening the archive of ONCE'));
    note({ name: 'the archive of ONCE', good: true, found: held.trim() });
  };
  const ofArchive = async (wanted: number) => {
    const packs = { full: part, count: wanted, changes: undefined };
    note({ ...(await inspectPacks(way, folder, packs, packs)), name: "names in the app's own" });
    const text = lines(
      script('set -euo pipefail'),
      sh`mkdir ${to}`,
      sh`zstd -dqc ${file} | tar --extract ${scratchFlags} --directory=${to} --file=-`,
      withoutMarks(to),
      sh`cd ${to} || exit 1`,
      sh`find ${gives} -printf x | wc -c`,
    );
    const found = Number(await unpack(text));
    note({ name: "the app's own", good: found === wanted, found: `${found} of ${wanted}` });
  };
  return [{ title: "Unpack the app's own backup", run: () => (count === null ? ofStream() : ofArchive(count)) }];
}
