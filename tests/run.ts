// Runs the tests, each file in its own process with a time limit, and calls a file green only when it really ran tests.
// uvu exits 0 when a hook throws, when test.run() is missing and when nothing matches, so its exit code alone proves nothing.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { forUnitAndTask, install, mayInstall, missing } from './programs.ts';
import { startOfTest, transpile } from './transpiled.ts';

const usage = `node --import tsx tests/run.ts [ring …] [part of a file name …]

rings        unit, local, task, droplet; all of them unless named
--all        fail when the droplet ring cannot run here (as in CI), instead of leaving it out
--torture    with BOOKOPS_TORTURE=1: each way of cutting a deploy off × each step, 50 random moments of
             deploys and of backups, drills and prunes, 1,000 damages, all faults of servers, each undo with a
             fault at each of its commands and calls, 10,000 lines of environment files, 43 environments of a
             host, 1,000 trees of files, 2,000 chapters of Markdown and 10,000 hostile ones; hours
`;

/** `seconds`: after so many a file counts as hanging. */
type Ring = { name: string; seconds: number };
const rings: Ring[] = [
  { name: 'unit', seconds: 180 },
  { name: 'local', seconds: 180 },
  { name: 'task', seconds: 240 },
  { name: 'droplet', seconds: 15 * 60 },
];
/** Files wait more than they work, servers most of all: on two cores two of each kind at once are done soonest. */
const atOnce = { 'on this machine': 2, 'on servers': 2 };
type Place = keyof typeof atOnce;
/** What another runtime or other files show in each run, or a long series: these are for --torture, or by name. */
const seldom = [
  'switch-interrupted-compose.',
  'switch-interrupted-systemd.',
  'switch-maintenance-compose.',
  'switch-hold-systemd.',
  'switch-blue-green-compose.',
  'many-deploys.',
  'parallel.',
];
/** What takes three minutes and more begins first, so that no two slots wait for one at the end. */
const longest =
  /^tests\/droplet\/(isolation|(failures-|interruption-)?compose|backup-postgres|instance|secrets|plan)\b/;
type Verdict = { file: string; passed: number; failed: number; trouble: string | undefined; output: string };

const here = import.meta.dirname;
const root = join(here, '..');
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false },
    torture: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** Files run in groups of their own, so Ctrl-C reaches them only through us. */
const running = new Set<number | undefined>();
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => {
    for (const pid of running) endGroup(pid, signal);
    process.exit(code);
  });

if (flags.help) console.log(usage);
else await main();

async function main(): Promise<void> {
  if (flags.torture) process.env.BOOKOPS_TORTURE = '1';
  // Node reads these certificates at each start; those of the system take it 90 ms, twice as long as all else, and only npm needs them
  process.env.BOOKOPS_TEST_CERTIFICATES = process.env.NODE_EXTRA_CA_CERTS ?? '';
  delete process.env.NODE_EXTRA_CA_CERTS;
  const named = positionals.filter(word => rings.some(ring => ring.name === word));
  const filters = positionals.filter(word => !named.includes(word));
  if (flags.torture && !positionals.length) {
    named.push(...rings.map(ring => ring.name));
    filters.push(
      'interruption',
      'switch-',
      'many-deploys',
      'parallel',
      '/backup',
      '/drill',
      'undo-failures',
      'server-faults',
      'postgres/swap',
      'health/previous',
      'deploy-previous',
      'env-file',
      'real-renderers',
      'writebook-html',
      'preview/hostile',
      'droplet/systemd.',
    );
  }
  const chosen = rings.filter(ring => !named.length || named.includes(ring.name));
  const verdicts: Verdict[] = [];
  const leftOut = new Set<string>();
  let matched = 0;

  await preparePrograms();
  const wanted = (ring: Ring) =>
    testFiles(ring.name).filter(file =>
      filters.length ? filters.some(filter => file.includes(filter)) : !seldom.some(name => file.includes(name)),
    );
  await transpile(chosen.flatMap(wanted));
  const carrying = chosen.some(ring => ring.name === 'droplet' && wanted(ring).length) && (await dropletCarrier());
  const waiting: Record<Place, (() => Promise<Verdict | undefined>)[]> = { 'on this machine': [], 'on servers': [] };
  for (const ring of chosen) {
    const files = wanted(ring);
    matched += files.length;
    if (!testFiles(ring.name).length && !filters.length)
      verdicts.push(broken(`tests/${ring.name}`, 'the ring has no test files'));
    const carrier = ring.name === 'droplet' && carrying;
    for (const file of files)
      waiting[carrier ? 'on servers' : 'on this machine'].push(async () => {
        const obstacle = carrier && ('obstacle' in carrier ? carrier.obstacle : await carrier.obstacleOfImages);
        if (!obstacle) return runOne(ring, file);
        if (process.env.CI || flags.all) return broken(file, obstacle);
        leftOut.add(`left out: the droplet ring (${files.length} files): ${obstacle}`);
        return undefined;
      });
  }
  const work = async (own: Place) => {
    const next = () => waiting[own].shift() ?? waiting['on this machine'].shift() ?? waiting['on servers'].shift();
    for (let run = next(); run; run = next()) {
      const verdict = await run();
      if (verdict) verdicts.push(verdict);
    }
  };
  await Promise.all(
    (Object.keys(atOnce) as Place[]).flatMap(own => Array.from({ length: atOnce[own] }, () => work(own))),
  );
  if (carrying && 'close' in carrying) carrying.close();
  if (!matched && filters.length) verdicts.push(broken(filters.join(' '), 'no test file has that in its name'));

  for (const line of leftOut) console.log(line);
  const passed = verdicts.reduce((sum, one) => sum + one.passed, 0);
  const failed = verdicts.reduce((sum, one) => sum + one.failed, 0);
  if (failed || !passed) process.exitCode = 1;
  console.log(`${passed} passed, ${failed} failed`);
}

/** Installs what the tests call, or says what is missing: those tests then fail with the same sentence. */
async function preparePrograms(): Promise<void> {
  const packages = missing(forUnitAndTask);
  if (mayInstall()) await install(packages);
  else if (packages.length)
    console.log(`missing here: ${packages.join(', ')}; on Debian and Ubuntu: apt-get install them`);
}

/** The tests of what supports the tests are units too. */
function testFiles(ring: string): string[] {
  return (ring === 'unit' ? [ring, 'support'] : [ring]).flatMap(folder =>
    readdirSync(join(here, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.test.ts'))
      .map(name => `tests/${folder}/${name}`)
      .toSorted((a, b) => Number(longest.test(b)) - Number(longest.test(a)) || (a < b ? -1 : 1)),
  );
}

function broken(file: string, trouble: string): Verdict {
  console.log(`✗ ${file}: ${trouble}`);
  return { file, passed: 0, failed: 1, trouble, output: '' };
}

type Carrier = { close(): void; obstacleOfImages: Promise<string | undefined> };

/** Holds the engine for the whole run, so that it is not started and stopped for each file; its images are built meanwhile. */
async function dropletCarrier(): Promise<Carrier | { obstacle: string }> {
  const { ensureEngine } = await import('./support/droplet/engine.ts');
  const { ensureImages } = await import('./support/droplet/image.ts');
  const told = (error: unknown) => (error instanceof Error ? error.message : String(error));
  try {
    const { close } = await ensureEngine();
    return { close, obstacleOfImages: ensureImages().then(() => undefined, told) };
  } catch (error) {
    return { obstacle: told(error) };
  }
}

function runOne(ring: Ring, file: string): Promise<Verdict> {
  const began = performance.now();
  const limit = flags.torture ? 4 * 3600 : ring.seconds;
  return new Promise(resolve => {
    // A group of its own, so that a file that hangs is ended together with what it started.
    const child = spawn(process.execPath, startOfTest(file), {
      cwd: root,
      // bash takes Node's pipes for a remote login and reads ~/.bashrc, unless it believes to be inside another shell
      env: { ...process.env, SHLVL: '2' },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child.pid);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    let late = false;
    const clock = setTimeout(() => {
      late = true;
      chunks.push(Buffer.from(`what runs there:\n${processesOf(child.pid)}\n`));
      endGroup(child.pid, 'SIGTERM'); // lets it remove its containers
      setTimeout(() => endGroup(child.pid, 'SIGKILL'), 15_000).unref();
    }, limit * 1000);
    child.on('close', code => {
      clearTimeout(clock);
      running.delete(child.pid);
      endGroup(child.pid, 'SIGKILL');
      const output = Buffer.concat(chunks).toString();
      const verdict = { file, output, ...judge(late ? `no end after ${limit} s` : code, output) };
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      if (verdict.trouble) console.log(`✗ ${file} ${seconds} s: ${verdict.trouble}\n${output.trimEnd()}\n`);
      else console.log(`✓ ${file} ${seconds} s, ${verdict.passed} passed`);
      if (!verdict.trouble) for (const [line] of output.matchAll(/^(?:left out|series): .*$/gm)) console.log(line);
      resolve(verdict);
    });
  });
}

/** Green only when the file ended well, ran at least one test, and passed all it has. */
function judge(end: number | string | null, output: string): Pick<Verdict, 'passed' | 'failed' | 'trouble'> {
  const counted = (word: string) => Number(output.match(new RegExp(`^\\s*${word}:\\s+(\\d+)`, 'm'))?.[1] ?? 0);
  const total = counted('Total');
  const passed = counted('Passed');
  const skipped = counted('Skipped');
  const trouble =
    typeof end === 'string'
      ? end
      : end !== 0
        ? `exit ${end ?? 'by a signal'}`
        : total === 0
          ? 'no test ran; does it end with test.run()?'
          : skipped > 0
            ? `${skipped} skipped; is there a test.only or test.skip?`
            : total !== passed
              ? `${total - passed} of ${total} failed without saying so`
              : undefined;
  return { passed, failed: trouble ? Math.max(1, total - passed) : 0, trouble };
}

/** One line each, children below their parents: what a file that hangs waits for. */
function processesOf(session: number | undefined): string {
  const words = ['--forest', '--cols', '200', '-o', 'pid,etimes,args', '-g', String(session)];
  return spawnSync('ps', words, { encoding: 'utf8' }).stdout;
}

function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid) process.kill(-pid, signal);
  } catch {
    // Gone already.
  }
}
