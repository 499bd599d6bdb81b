// The tasks and the test files as plain JavaScript, made once for a run of tests: a start through tsx costs four times as much processor time, and there are well over a thousand.
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type BuildOptions, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..');
const place = 'BOOKOPS_TRANSPILED';
/** What tests start besides. */
const programs = ['tests/support/keeper/client.ts'];

/** From now on, and in every program started from here, `startOf` and `startOfTest` give what is made now. It goes with this process. */
export async function transpile(testFiles: string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-tasks-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const common = {
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20',
    // they look for files of theirs
    external: ['esbuild', '@aws-sdk/*', 'liquidjs', 'ssh2', 'node-ssh', 'node-sqlite3-wasm'],
    define: { 'import.meta.url': 'fileUrl__', 'import.meta.dirname': 'fileFolder__' },
    plugins: [whereItWas],
    logLevel: 'warning',
  } satisfies BuildOptions;
  // one file each, for start-task.cjs
  const tasks = build({
    ...common,
    entryPoints: readdirSync(join(root, 'tasks')).map(name => join(root, 'tasks', name)),
    outbase: root,
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    supported: { 'dynamic-import': false },
  });
  const tests = build({
    ...common,
    // what a stack says of a test has the name of its file in it
    entryPoints: [...testFiles, ...programs].map(file => ({ in: join(root, file), out: file })),
    splitting: true,
    format: 'esm',
    // some packages are written for require
    banner: {
      js: "import { createRequire as createRequire__ } from 'node:module'; const require = createRequire__(import.meta.url);",
    },
  });
  await Promise.all([tasks, tests]);
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  process.env[place] = folder;
}

/** Files read what lies beside them, so each is told where it came from; a task is what was started. */
const whereItWas: Plugin = {
  name: 'where it was',
  setup(made) {
    made.onLoad({ filter: /\.ts$/, namespace: 'file' }, ({ path }) => {
      if (path.includes('/node_modules/')) return undefined;
      const text = readFileSync(path, 'utf8');
      const isTask = relative(root, path).startsWith('tasks/');
      const head = isTask
        ? `import { pathToFileURL as fileUrlOf__ } from 'node:url'; const fileUrl__ = fileUrlOf__(process.argv[1]).href;`
        : `const fileUrl__ = ${JSON.stringify(pathToFileURL(path).href)}, fileFolder__ = ${JSON.stringify(dirname(path))};`;
      return { contents: head + text, loader: 'ts' };
    });
  },
};

/** The words for node that start a task; through tsx, as people do, where nothing was made. */
export function startOf(task: string): string[] {
  const tsx = ['--import', import.meta.resolve('tsx')];
  // those of an example lie beside it
  if (task.includes('/')) return [...tsx, join(root, `${task}.ts`)];
  const made = madeOf(`tasks/${task}.cjs`);
  return made ? [join(root, 'tests/start-task.cjs'), ...made] : [...tsx, join(root, `tasks/${task}.ts`)];
}

/** The same for a test file, such as `tests/unit/x.test.ts`, or one of `programs`. */
export function startOfTest(file: string): string[] {
  return madeOf(`${file}.js`) ?? ['--import', 'tsx', file];
}

function madeOf(file: string): string[] | undefined {
  const folder = process.env[place];
  return folder ? [join(folder, file)] : undefined;
}
