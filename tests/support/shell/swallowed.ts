// Where shell text loses a failure although `set -e` is on: found in the syntax tree that shfmt makes, not by patterns.
import { spawnSync } from 'node:child_process';

/** `line` is one-based in the text. */
export type Finding = { line: number; rule: string; text: string };

/** What is forbidden, by name: CONTRIBUTING.md says what to write instead. */
export const rules = {
  list: 'a && b as a statement: when a fails, the script goes on',
  negated: '! a as a statement never ends the script',
  off: 'in a condition, or before && or ||, set -e is off: all but the last command fail unnoticed',
  spliced: 'a text from elsewhere in a condition, or before && or ||: set -e is off in all of it',
  declared: 'local x=$(…) succeeds whatever the command does',
  substitution: '$(…) in an argument, a test or a redirection: its failure is an empty word',
  read: '$(<file) is empty, and well, when the disk does not give it: $(cat file)',
  process: '<(…) and >(…): nobody sees how they end',
  several: 'of several $(…) in one assignment only the last one’s failure counts',
  exec: 'find -exec … \\; succeeds whatever the command does: end it with +',
  strict: 'bash -c with several commands or a pipe, and without set -euo pipefail in front',
} as const;
type Rule = keyof typeof rules;

type Node = Record<string, unknown>;
type Place = { Offset: number; Line: number };
/** off: set -e has no effect. tail: the last command's status is the status of what is looked at. */
type Around = { off: boolean; tail: boolean; words: Set<string> };

const parsed = new Map<string, Node>();

/** @throws Error with shfmt's words when it is no shell */
export function parse(text: string): Node {
  // many texts have the same scripts for another shell in them
  const known = parsed.get(text);
  if (known) return known;
  const { stdout, stderr, status, error } = spawnSync('shfmt', ['--to-json', '-ln', 'bash'], {
    input: text,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(stderr.trim());
  const tree = JSON.parse(stdout) as Node;
  parsed.set(text, tree);
  return tree;
}

/** A word that stands for a value or a text which is put there later. */
export const splice = (number: number): string => `spliced_${number}_`;
const isSplice = (text: string | undefined) => /^spliced_\d+_$/.test(text ?? '');

/** Functions of this name are only there so that many texts are parsed at once. */
export const partName = 'part_of_many_';

/** These have nothing to lose, or end what runs. */
const harmless = new Set(
  'echo printf : true false shift return exit break continue fail set shopt trap unset sleep kill umask'.split(' '),
);
const leaving = new Set('return exit break continue fail refuse'.split(' '));
/** They tell what was found, and who reads it is who judges. */
const telling = new Set('echo printf answer fail refuse say fact'.split(' '));
/** Their failure cannot be, or is the same as no answer. */
const asked = new Set('id date basename dirname printf echo nproc uname pwd command'.split(' '));

const list = (value: unknown): Node[] => (Array.isArray(value) ? (value as Node[]) : []);
const node = (value: unknown): Node | undefined => (value && typeof value === 'object' ? (value as Node) : undefined);

/**
 * What is found in each of the texts; shfmt takes its time to start, so that they are parsed at once. `functions` are those of
 * other texts that these may call, by name: collectFunctions.
 */
export function swallowed(texts: readonly string[], functions: ReadonlyMap<string, Node> = new Map()): Finding[][] {
  const source = texts.map((text, index) => `${partName}${index}() {\n:\n${text}\n}\n`).join('');
  return list(parse(source)['Stmts']).map(stmt => {
    const stmts = list(node(node(node(node(stmt['Cmd'])?.['Body'])?.['Cmd']))?.['Stmts']);
    const own = collectFunctions({ Stmts: stmts });
    return inspect({ Stmts: stmts }, source, new Map([...functions, ...own]));
  });
}

export function collectFunctions(tree: Node): Map<string, Node> {
  const found = new Map<string, Node>();
  visit(tree, one => {
    if (one['Type'] === 'FuncDecl') found.set(String(node(one['Name'])?.['Value']), node(one['Body']) ?? {});
  });
  return found;
}

function visit(one: unknown, look: (node: Node) => void): void {
  if (Array.isArray(one)) for (const each of one) visit(each, look);
  else if (one && typeof one === 'object') {
    look(one as Node);
    for (const each of Object.values(one)) if (each && typeof each === 'object') visit(each, look);
  }
}

export function inspect(tree: Node, source: string, functions: ReadonlyMap<string, Node>): Finding[] {
  const bytes = Buffer.from(source);
  const all = source.split('\n');
  const found = new Map<string, Finding>();
  /** Bodies of other texts have places there, not here. */
  let called: { name: string; line: number } | undefined;
  const seen = new Set<string>();

  function report(rule: Rule, at: Node, more = ''): void {
    const line = called?.line ?? (node(at['Pos']) as Place | undefined)?.Line ?? 0;
    const text = `${called ? `in ${called.name}(), called here: ` : ''}${more || (all[line - 1] ?? '').trim()}`;
    found.set(`${line} ${rule} ${text}`, { line, rule, text: text.slice(0, 200) });
  }

  const operator = (cmd: Node) => {
    const { Offset } = cmd['OpPos'] as Place;
    const two = bytes.subarray(Offset, Offset + 2).toString();
    return two === '&&' || two === '||' ? two : '|';
  };
  // the source of a body of another text is not at hand: shfmt's own numbers tell
  const numbers = new Map<number, string>();
  const operatorOf = (cmd: Node) => {
    const number = cmd['Op'] as number;
    if (!called) numbers.set(number, operator(cmd));
    return numbers.get(number) ?? { 10: '&&', 11: '||' }[number] ?? '|';
  };

  /** A word without anything to expand; undefined for others. */
  function literal(word: Node | undefined): string | undefined {
    let text = '';
    for (const part of list(word?.['Parts'])) {
      if (part['Type'] === 'Lit') text += String(part['Value']).replace(/\\(.)/gs, '$1');
      else if (part['Type'] === 'SglQuoted') text += typeof part['Value'] === 'string' ? part['Value'] : '';
      else if (part['Type'] === 'DblQuoted') {
        const inner = literal(part);
        if (inner === undefined) return undefined;
        text += inner;
      } else return undefined;
    }
    return text;
  }
  const nameOf = (cmd: Node | undefined) => (cmd?.['Type'] === 'CallExpr' ? literal(list(cmd['Args'])[0]) : undefined);

  /** Every $(…) and <(…) under a word that no assignment takes. `told`: an empty word does no harm there. */
  function words(under: unknown, around: Around, told = false): void {
    visit(under, one => {
      const stmts = list(one['Stmts']);
      if (one['Type'] === 'CmdSubst') {
        if (told) return;
        if (!isAnswered(stmts)) report('substitution', one);
        statements(stmts, { ...around, off: true, tail: true });
      } else if (one['Type'] === 'ProcSubst') {
        if (!isAnswered(stmts)) report('process', one);
        statements(stmts, { ...around, tail: true });
      }
    });
  }

  /** A command whose failure is said to be nothing, or none. */
  function isAnswered(stmts: Node[]): boolean {
    const [one, ...more] = stmts;
    if (!one || more.length) return false;
    const cmd = node(one['Cmd']);
    if (!cmd) return false;
    if (cmd['Type'] === 'BinaryCmd') {
      if (operatorOf(cmd) === '||') return true;
      return (
        operatorOf(cmd) === '|' &&
        ['X', 'Y'].every(side => isAnswered(node(cmd[side]) ? [node(cmd[side]) as Node] : []))
      );
    }
    const name = nameOf(cmd);
    return name !== undefined && asked.has(name);
  }

  const isTest = (stmt: Node | undefined): boolean => {
    const cmd = node(stmt?.['Cmd']);
    if (!cmd) return false;
    if (cmd['Type'] === 'TestClause' || cmd['Type'] === 'ArithmCmd') return true;
    if (cmd['Type'] === 'CallExpr') return ['[', 'test'].includes(nameOf(cmd) ?? '');
    return cmd['Type'] === 'BinaryCmd' && operatorOf(cmd) !== '|' && isTest(node(cmd['X'])) && isTest(node(cmd['Y']));
  };

  /** Whether a command that is not the last one may stand where set -e is off. */
  function isSafe(stmt: Node): boolean {
    const cmd = node(stmt['Cmd']);
    if (stmt['Background'] || !cmd) return true;
    switch (cmd['Type']) {
      case 'CallExpr': {
        const name = nameOf(cmd);
        if (!list(cmd['Args']).length) return !list(cmd['Assigns']).some(hasSubstitution);
        return name !== undefined && harmless.has(name);
      }
      case 'DeclClause':
        return !list(cmd['Args']).some(hasSubstitution);
      case 'BinaryCmd': {
        const [left, right] = [node(cmd['X']), node(cmd['Y'])];
        if (!left || !right || operatorOf(cmd) === '|') return false;
        if (operatorOf(cmd) === '||') return isSafe(right);
        return leaves(right) || (isTest(left) && isSafe(right));
      }
      case 'IfClause':
        return branches(cmd).every(one => one.every(isSafe));
      case 'WhileClause':
      case 'ForClause':
        return list(cmd['Do']).every(isSafe);
      case 'CaseClause':
        return list(cmd['Items']).every(item => list(item['Stmts']).every(isSafe));
      case 'Block':
        return list(cmd['Stmts']).every(isSafe);
      case 'FuncDecl':
        return true;
      default:
        return false;
    }
  }
  function leaves(stmt: Node): boolean {
    const cmd = node(stmt['Cmd']);
    if (cmd?.['Type'] === 'Block') {
      const last = list(cmd['Stmts']).at(-1);
      return last !== undefined && leaves(last);
    }
    return leaving.has(nameOf(cmd) ?? '');
  }
  function hasSubstitution(one: unknown): boolean {
    let has = false;
    visit(one, each => (has ||= each['Type'] === 'CmdSubst'));
    return has;
  }
  function branches(cmd: Node): Node[][] {
    const more = node(cmd['Else']);
    return [list(cmd['Then']), ...(more ? branches(more) : [])];
  }

  function statements(stmts: Node[], around: Around): void {
    stmts.forEach((stmt, index) => {
      const last = index === stmts.length - 1;
      if (around.off && !last && !isSafe(stmt)) report('off', stmt);
      statement(stmt, { ...around, tail: around.tail && last });
    });
  }

  function statement(stmt: Node, around: Around): void {
    words(stmt['Redirs'], around);
    const cmd = node(stmt['Cmd']);
    if (!cmd) return;
    if (stmt['Negated']) {
      if (!around.off) report('negated', stmt);
      statement({ ...stmt, Negated: false, Redirs: [] }, { ...around, off: true, tail: true });
      return;
    }
    switch (cmd['Type']) {
      case 'CallExpr':
        return call(cmd, around);
      case 'BinaryCmd': {
        const [left, right] = [node(cmd['X']), node(cmd['Y'])];
        if (!left || !right) return;
        const how = operatorOf(cmd);
        if (how === '|') {
          statement(left, { ...around, tail: true });
          statement(right, { ...around, tail: true });
        } else {
          if (how === '&&' && !around.off && !around.tail && !isTest(left)) report('list', cmd);
          statement(left, { ...around, off: true, tail: true });
          statement(right, around);
        }
        return;
      }
      case 'IfClause': {
        let one: Node | undefined = cmd;
        while (one) {
          statements(list(one['Cond']), { ...around, off: true, tail: true });
          statements(list(one['Then']), around);
          one = node(one['Else']);
        }
        return;
      }
      case 'WhileClause':
        statements(list(cmd['Cond']), { ...around, off: true, tail: true });
        loop(cmd, around);
        return;
      case 'ForClause':
        words(cmd['Loop'], around);
        loop(cmd, around);
        return;
      case 'CaseClause':
        words(cmd['Word'], around);
        for (const item of list(cmd['Items'])) statements(list(item['Stmts']), around);
        return;
      case 'Block':
        return statements(list(cmd['Stmts']), around);
      case 'Subshell':
        return statements(list(cmd['Stmts']), { ...around, tail: true });
      case 'FuncDecl': {
        const isPart = String(node(cmd['Name'])?.['Value']).startsWith(partName);
        return statement(node(cmd['Body']) ?? {}, { ...around, off: false, tail: !isPart });
      }
      case 'DeclClause':
        for (const one of list(cmd['Args'])) if (hasSubstitution(one)) report('declared', cmd);
        return;
      case 'TimeClause':
      case 'CoprocClause':
        return statement(node(cmd['Stmt']) ?? {}, around);
      case 'TestClause':
        return words(cmd, around, isEqual(node(cmd['X'])));
      case 'ArithmCmd':
        return words(cmd, around, true);
      default:
        return words(cmd, around);
    }
  }

  /** An empty word is not what it is compared with: no other $(…), which may be empty too. */
  function isEqual(test: Node | undefined): boolean {
    if (test?.['Type'] !== 'BinaryTest') return test?.['Type'] === 'ParenTest' ? isEqual(node(test['X'])) : false;
    const [left, right] = [node(test['X']), node(test['Y'])];
    if (left?.['Type'] !== 'Word') return isEqual(left) && isEqual(right);
    const { Offset } = (test['Pos'] ?? { Offset: 0 }) as Place;
    const end = (test['End'] ?? { Offset: 0 }) as Place;
    const text = called ? '' : bytes.subarray(Offset, end.Offset).toString();
    return !(hasSubstitution(left) && hasSubstitution(right)) && !text.includes('!=');
  }
  function isComparison(args: Node[]): boolean {
    const [name, left, how, right] = args;
    if (literal(name) !== '[' || !left || !right || args.length !== 5) return false;
    return literal(how) !== '!=' && !(hasSubstitution(left) && hasSubstitution(right));
  }

  function loop(cmd: Node, around: Around): void {
    const body = list(cmd['Do']);
    const last = body.at(-1);
    if (around.off && last && !isSafe(last)) report('off', last);
    statements(body, { ...around, tail: false });
  }

  function call(cmd: Node, around: Around): void {
    const args = list(cmd['Args']);
    const assigns = list(cmd['Assigns']);
    const [name] = args.map(literal);
    if (args.length) words([assigns, args], around, telling.has(name ?? '') || isComparison(args));
    else {
      const taken = assigns.filter(hasSubstitution);
      let several = taken.length > 1;
      for (const one of taken) {
        let count = 0;
        const under = (each: unknown): void => {
          if (Array.isArray(each)) each.forEach(under);
          else if (each && typeof each === 'object') {
            if ((each as Node)['Type'] === 'CmdSubst') {
              count++;
              statements(list((each as Node)['Stmts']), { ...around, tail: true });
            } else Object.values(each).forEach(under);
          }
        };
        under(one);
        several ||= count > 1;
      }
      if (several) report('several', cmd);
      return;
    }
    const said = args.map(literal);
    if (around.off && args.length === 1 && isSplice(name)) report('spliced', cmd);
    if (name === 'find' && said.includes('-exec') && said.includes(';')) report('exec', cmd);
    const dash = said.indexOf('-c');
    const shell = said.findIndex(one => /^(.*\/)?(ba|da)?sh$/.test(one ?? ''));
    if (shell >= 0 && dash > shell) inner(said[dash + 1], cmd);
    if (name === 'trap' && said[1] && said.length > 2 && said[1] !== '-') nested(said[1], cmd, true);
    if (around.off)
      for (const one of said) {
        const body = one === undefined || around.words.has(one) ? undefined : functions.get(one);
        if (body) inCall(one ?? '', body, around, cmd);
      }
  }

  /** Once more through the body, with set -e off in all of it. */
  function inCall(name: string, body: Node, around: Around, at: Node): void {
    if (seen.has(name)) return;
    seen.add(name);
    const before = called;
    called ??= { name, line: (node(at['Pos']) as Place | undefined)?.Line ?? 0 };
    statement(body, { off: true, tail: true, words: new Set([...around.words, name]) });
    called = before;
  }

  /** Text for a bash of its own. */
  function inner(text: string | undefined, at: Node): void {
    if (text === undefined || isSplice(text)) return;
    const tree = parse(text);
    const stmts = list(tree['Stmts']);
    let pipes = false;
    visit(
      tree,
      one =>
        (pipes ||=
          one['Type'] === 'BinaryCmd' && !['&&', '||'].includes({ 10: '&&', 11: '||' }[one['Op'] as number] ?? '')),
    );
    const strict = /^set -[a-z]*e[a-z]*o pipefail\b/m.test(text);
    if ((stmts.length > 1 || pipes) && !strict) report('strict', at, text.split('\n')[0]);
    nested(text, at, false);
  }

  function nested(text: string, at: Node, off: boolean): void {
    const line = (node(at['Pos']) as Place | undefined)?.Line ?? 0;
    const tree = parse(text);
    const more = inspect(tree, text, new Map([...functions, ...collectFunctions(tree)]));
    for (const one of off ? [] : more)
      found.set(`${line} ${one.rule} ${one.text}`, { ...one, line: called?.line ?? line });
  }

  visit(tree, one => {
    const [only, ...more] = one['Type'] === 'CmdSubst' ? list(one['Stmts']) : [];
    if (!only || more.length || node(only['Cmd'])) return;
    // what the kernel answers is not on a disk
    if (!(literal(node(list(only['Redirs'])[0]?.['Word']) ?? {}) ?? '').startsWith('/proc/')) report('read', one);
  });
  statements(list(tree['Stmts']), { off: false, tail: false, words: new Set() });
  return [...found.values()].sort((a, b) => a.line - b.line);
}
