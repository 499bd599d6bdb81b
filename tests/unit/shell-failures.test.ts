// No shell text of the product loses a failure under `set -e`: the forms that do are found in its source, its files and what its builders make.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { allPieces, scripts, type Piece } from '../support/shell/pieces.ts';
import {
  collectFunctions,
  inspect,
  parse,
  partName,
  rules,
  splice,
  swallowed,
  type Finding,
} from '../support/shell/swallowed.ts';
import { stories, textsOf } from '../support/target/targets.ts';

const forbidden: [keyof typeof rules, string][] = [
  ['list', 'a || { b && c; }'],
  ['list', 'if x; then cp a b && sync b; fi\necho gone on'],
  ['list', 'sync a && mv a b && sync c'],
  ['list', 'for one in a b; do cp "$one" c && sync c; done'],
  ['list', '[ -e a ] && cp a b && sync b'],
  ['list', 'f() { cp a b && sync b; rm a; }'],
  ['list', 'case $x in a) cp a b && sync b ;; esac\nrm a'],
  ['list', '{ cp a b && sync b; } 2>/dev/null\nrm a'],
  ['list', 'a || b && c'],
  ['list', "bash -c 'set -euo pipefail\ncp a b && sync b\nrm a'"],
  ['negated', '! cp a b'],
  ['negated', '! a | b'],
  ['off', 'if cp a b; sync b; then rm a; fi'],
  ['off', '{ cp a b; sync b; } || fail no'],
  ['off', '(cp a b; sync b) && rm a || fail no'],
  ['off', 'while cp a b; sync b; do break; done'],
  ['off', 'f() { cp a b; sync b; }\nf || fail no'],
  ['off', 'f() { cp a b; sync b; }\nif f; then rm a; fi'],
  ['off', 'f() { cp a b; sync b; }\ng() { f; }\nif ! g; then exit 1; fi'],
  ['off', 'f() { cp a b; sync b; }\nas_user bib f || fail no'],
  ['off', 'f() { for one in a b; do cp "$one" c; done; }\nf || fail no'],
  ['off', 'f() { [[ -r a ]]; rm b; }\nf && c || fail no'],
  ['spliced', `if ${splice(0)}; then a; fi`],
  ['spliced', `{ ${splice(0)}; } || fail no`],
  ['declared', 'f() { local x=$(cat a); echo "$x"; }'],
  ['declared', 'export x="$(cat a)"'],
  ['declared', 'readonly x=$(cat a)'],
  ['substitution', 'docker stop $(cat ids)'],
  ['substitution', 'docker stop $(<ids)'],
  ['substitution', 'for one in $(docker ps -q); do docker stop "$one"; done'],
  ['substitution', '[ "$(cat a)" = "$(cat b)" ]'],
  ['substitution', '[[ $(cat a) != b ]]'],
  ['substitution', '[ -z "$(docker ps -q)" ]'],
  ['substitution', 'cp a "$(readlink b)"'],
  ['substitution', 'a >"$(readlink b)"'],
  ['substitution', 'cat <<<"$(docker ps -q)" | sort'],
  ['read', 'x=$(<a)'],
  ['read', 'echo "it is $(<"$a")"'],
  ['process', 'while read -r one; do b "$one"; done < <(docker ps -q)'],
  ['process', 'mapfile -t all < <(docker ps -q)'],
  ['process', 'cat a > >(tee b)'],
  ['several', 'x=$(cat a) y=$(cat b)'],
  ['several', 'x="$(cat a) $(cat b)"'],
  ['exec', "find . -name a -exec rm {} ';'"],
  ['strict', "bash -c 'a; b'"],
  ['strict', "sh -c 'a | b'"],
  ['strict', "docker run x /bin/bash -c 'set -eu; a | b'"],
];

const allowed = [
  'cp a b\nsync b\nmv b c',
  'a || b',
  'a || { b; c; }',
  'a || fail no',
  'a || true',
  'a && b || fail no',
  'if a && b && c; then d; else e; fi',
  'if ! a || ! b; then c; fi',
  '[ -e a ] || exit 0',
  '[[ $x ]] && y',
  '((a > b)) && return 0',
  'f() { cat >"$1.new" && mv "$1.new" "$1"; }\nf a',
  'f() { cat >"$1.new" && mv "$1.new" "$1"; }\nif f a; then b; fi',
  'f() { local x; x=$(cat a) || return 1; echo "$x"; }\nf || fail no',
  'f() { local one=$1; shift; echo "$one"; b "$@"; }\nf || fail no',
  'f() { cp a b || return 1; sync b; }\nf || fail no',
  'f() { cp a b; sync b; }\nf',
  '(a && b)',
  'x=$(cat a)\ndocker stop $x',
  'x=$(cat a | sort)',
  'x=$(</proc/sys/kernel/random/boot_id)',
  'x=$(cat a 2>/dev/null || true)',
  'echo "it has $(wc -c <a) bytes"',
  '[ "$(cat a)" = b ]',
  'docker run --user "$(id -u)" x',
  'cp a "$(dirname "$b")"',
  'while read -r one; do b "$one"; done < <(docker ps -q || echo unknown)',
  'find . -name a -exec rm {} +',
  "bash -c 'set -euo pipefail; a; b'",
  "bash -c 'exec a'",
  'export x\nx=$(cat a)',
  "trap 'rm -rf a' EXIT",
  'until docker version; do sleep 1; done',
];

test('each form that loses a failure is found', () => {
  const found = swallowed(forbidden.map(([, text]) => text));
  assert.is(found.length, forbidden.length);
  for (const [index, [rule, text]] of forbidden.entries()) {
    const those = found[index]?.map(one => one.rule) ?? [];
    assert.ok(those.includes(rule), `${rule} is not found in: ${text}\nfound: ${those.join(', ')}`);
  }
});

test('and nothing is found where none is lost', () => {
  const found = swallowed(allowed);
  assert.is(found.length, allowed.length);
  for (const [index, text] of allowed.entries()) assert.equal(found[index], [], text);
});

const root = fileURLToPath(new URL('../../', import.meta.url));

/** They run without set -e, and look at what each command says; or they only ask, and what asked them judges the answer. */
const withoutIt = [
  'lib/plan/keeper/',
  'lib/host/stream.ts',
  'lib/instance/end.sh',
  'lib/maintenance/end.sh',
  'lib/deploy/switch/public-probe.sh',
  'lib/backup/encryption.ts',
  'lib/host/packing.ts',
  'lib/backup/before-deploy.ts',
  'lib/backup/files/tar-stream.ts',
  'lib/backup/files/included-folders.ts',
  'lib/backup/files/survey.ts',
  'lib/backup/create/app-command.ts',
  'lib/backup/scratch.ts',
  'lib/backup/drill/start-app.ts',
  'lib/doctor/',
  'lib/deploy/health-now.ts',
  'lib/maintenance/end-time.ts',
  'lib/deploy/ask-facts.ts',
  'lib/runtime/compose/docker-state.ts',
  'lib/runtime/compose/config-question.ts',
];

/** Findings that stand, each with its reason. */
const standing: [file: string, rule: string, text: string, reason: string][] = [
  ['lib/backup/verify/parts.ts', 'spliced', '|| true', 'counts that cannot be made are told by not being there'],
  ['lib/backup/files/pack-chain.ts', 'spliced', 'zstd -dqc | spliced_0_', 'one call of tar'],
  [
    'lib/database/postgres/rename.ts',
    'process',
    'mapfile -d',
    'without an answer the next one is asked, and after the last it fails',
  ],
  ['lib/proxy/site.ts', 'spliced', 'if spliced_0_', 'one command that tests the configuration'],
  ['lib/deploy/switch/public-probe.ts', 'off', 'leave_visits', 'what visitors saw is no reason to be stuck'],
  ['lib/database/sqlite/snapshot.ts', 'whole', '| tee', 'stands behind the text of another user’s shell'],
  ['lib/runtime/compose/shell-functions.ts', 'off', 'restart_docker', 'what is not restarted after a minute is told'],
  ['lib/runtime/compose/shell-functions.ts', 'spliced', 'restart_docker', 'one command that makes an empty image'],
  [
    'lib/runtime/compose/compose.ts',
    'substitution',
    '$(ids_of',
    'without containers the release does not live, and has no log',
  ],
  ['lib/runtime/release-folder.ts', 'list', 'sudo chgrp', 'a sentence for a person'],
  [
    'lib/runtime/release-folder.sh',
    'process',
    'realpath',
    'without a path that is read to its end it does not lie inside',
  ],
  ['lib/runtime/systemd/systemd.ts', 'process', 'systemctl show', 'without an answer the unit is not active'],
  ['lib/runtime/systemd/systemd.ts', 'spliced', 'echo blue', 'a question'],
  ['lib/store/ssh/store.ts', 'negated', '! -name', 'words of find'],
  ['lib/health/previous-release.ts', 'off', 'answers_already', 'what cannot be asked is not good'],
  [
    'lib/release/passed-probes.ts',
    'list',
    'write_file',
    'one list of && that stands in a condition in lib/deploy/readiness.ts',
  ],
  ['lib/deploy/readiness.ts', 'spliced', 'could not be kept', 'one list of &&: lib/release/passed-probes.ts'],
  ['lib/health/previous-release.sh', 'off', 'not_good_again', 'a probe that could not be asked left nothing good'],
  ['lib/runtime/release-folder.sh', 'process', 'lies_inside', 'as above'],
  ['lib/health/ready.sh', 'several', 'line="probe', 'both were written just before'],
];

/** Texts that builders made, of which the parts have their reasons above or are a person's. */
const standingMade: [rule: string, text: string, reason: string][] = [
  [
    'strict',
    '# Reads environment files',
    'the variables of env files, then a command of ops.yml as its owner wrote it',
  ],
  ['strict', "cd '/srv", 'the supervisor of the process runtime, which goes on when the app ends'],
  ['off', 'crontab_', 'looks at each command by itself'],
  ['substitution', 'crontab_', 'as above'],
  ['substitution', '$(stat -c %A', 'an empty answer has no rights'],
  ['substitution', 'in ask_sets()', 'as below'],
  ['process', 'in ask_sets()', 'what a runtime calls alive is asked again and again'],
  ['off', 'in dc()', 'as above'],
  ['off', 'good_set == today', 'one list of &&'],
  ['list', 'bin/migrate', 'a command of ops.yml'],
  ['list', "it's done", 'a command of ops.yml'],
];

/** The pieces of a file, parsed at once where that can be: shfmt takes its time to start. */
function together(pieces: Piece[]) {
  const file = pieces[0]?.file ?? '';
  const starts: { line: number; piece: Piece }[] = [];
  let text = '';
  let line = 1;
  for (const [index, piece] of pieces.entries()) {
    text += `${partName}${index}() {\n:\n${piece.text}\n}\n`;
    starts.push({ line: line + 2, piece });
    line += piece.text.split('\n').length + 4 - 1;
  }
  const at = (found: number) => {
    const { line: start = 0, piece } = starts.findLast(one => one.line <= found) ?? {};
    return (piece?.line ?? 0) + found - start;
  };
  const broken: Finding[] = [];
  try {
    return { file, trees: [{ tree: parse(text), text, at }], broken };
  } catch {
    const trees = pieces.flatMap(piece => {
      // what is only a part of a command for some values, is whole for others
      for (const one of [piece.text, piece.text.replace(/spliced_\d+_/g, '')])
        try {
          return [{ tree: parse(one), text: one, at: (found: number) => piece.line + found - 1 }];
        } catch {
          continue;
        }
      broken.push({
        line: piece.line,
        rule: 'whole',
        text: `no whole command, so that it cannot be looked at: ${piece.text}`,
      });
      return [];
    });
    return { file, trees, broken };
  }
}

test('the product has none of them', () => {
  const pieces = [
    ...allPieces(root),
    ...scripts(root).map(file => ({ file, line: 1, text: readFileSync(`${root}${file}`, 'utf8') })),
  ];
  assert.ok(pieces.length > 700, String(pieces.length));
  /** Reasons that nothing needs any more would hide what comes later. */
  const needed = new Set<unknown>();
  const looked = pieces.filter(({ file }) => !withoutIt.some(one => file.startsWith(one)));
  const files = [...new Set(looked.map(({ file }) => file))].map(file =>
    together(looked.filter(one => one.file === file)),
  );
  // words of all files, also of those that are not looked at themselves
  const others = [...new Set(pieces.map(({ file }) => file))]
    .filter(file => !looked.some(one => one.file === file))
    .map(file => together(pieces.filter(one => one.file === file)));
  const functions = new Map(
    [...files, ...others].flatMap(({ trees }) => trees.flatMap(({ tree }) => [...collectFunctions(tree)])),
  );
  const found: string[] = [];
  for (const { file, trees, broken } of files) {
    const findings = [
      ...trees.flatMap(({ tree, text, at }) =>
        inspect(tree, text, functions).map(one => ({ ...one, line: at(one.line) })),
      ),
      ...broken,
    ];
    for (const one of findings) {
      const stands = standing.find(
        ([where, rule, part]) => file.startsWith(where) && one.rule === rule && one.text.includes(part),
      );
      needed.add(stands);
      if (!stands) found.push(`${file}:${one.line}: ${one.rule}: ${one.text}`);
    }
  }
  for (const { file, trees, broken } of others)
    if (broken.length || trees.some(({ tree, text }) => inspect(tree, text, functions).length))
      needed.add(withoutIt.find(one => file.startsWith(one)));
  found.push(
    ...[...standing, ...withoutIt].filter(one => !needed.has(one)).map(one => `not needed any more: ${String(one)}`),
  );
  assert.is(
    found.join('\n'),
    '',
    `see rules in tests/support/shell/swallowed.ts, and CONTRIBUTING.md\n${found.join('\n')}`,
  );
});

test('nor have the texts that its builders make', () => {
  const prelude = readFileSync(`${root}lib/host/step-functions.sh`, 'utf8');
  const words = collectFunctions(parse(prelude));
  const wanted = /: second deploy: |over another tool: Take over|: rollback: /;
  const texts = new Map(
    stories()
      .filter(({ name }) => /^(process|systemd|compose): /.test(name))
      .flatMap(story => textsOf(story, ''))
      .filter(([name]) => wanted.test(name) && !/: (undo )?(facts|exec|logs|all logs)/.test(name)),
  );
  assert.ok(texts.size > 50, String(texts.size));
  const names = new Map([...texts].map(([name, text]) => [text, name]));
  const all = swallowed([...names.keys()], words);
  assert.is(all.length, names.size);
  const found = [...names.values()].flatMap((name, index) =>
    (all[index] ?? [])
      .filter(
        one =>
          ![...standing.map(([, rule, text]) => [rule, text] as const), ...standingMade].some(
            ([rule, part]) => one.rule === rule && one.text.includes(part),
          ),
      )
      .map(one => `${name}: ${one.rule}: ${one.text}`),
  );
  assert.is(found.join('\n'), '', found.join('\n'));
});
test.run();
