// Sites of ops.yml with one value in them that means harm to a proxy's configuration, the same ones on every run.
import { below, hostile, pick, seeded } from './hostile.ts';

export const doors = [
  'app',
  'environment',
  'root',
  'flag',
  'domain',
  'email',
  'acme',
  'basic_auth',
  'body_limit',
  'upstream',
  'to',
  'route',
  'folder',
  'timeout',
  'route_limit',
] as const;
export type Door = (typeof doors)[number];

const ordinary: Record<Door, string> = {
  app: 'book',
  environment: 'staging',
  root: '/opt/book-staging',
  flag: 'maintenance/ON',
  domain: 'staging.book.example.org',
  email: 'ana@example.org',
  acme: 'https://acme.example.org/dir',
  basic_auth: 'proxy/passwords',
  body_limit: '20m',
  upstream: 'web',
  to: 'web',
  route: '/pages/',
  folder: 'current/static',
  timeout: '30s',
  route_limit: '3m',
};

/** What ends a word, a line or a block for nginx or Caddy, names a variable, or is read as a pattern or another file. */
const pieces = [
  ';',
  '; return 200 harm;',
  ' { return 200 harm; }',
  '}',
  '{',
  '}\nserver { listen 81; }\n',
  '\n\trespond harm\n',
  '\n}\nhttp://harm.test {\n\trespond harm\n}\n',
  '"',
  "'",
  '`',
  '\\',
  '#',
  ' # ',
  '$uri',
  '${document_root}',
  '{env.HOME}',
  '{$HOME}',
  '{file}',
  '{{ app }}',
  '{% include "/etc/passwd" %}',
  'include /etc/passwd',
  'import /etc/passwd',
  '~ .*',
  '*',
  '*.',
  '@held',
  '..',
  '../../etc/',
  '//',
  '/',
  '.',
  '-',
  '_',
  '0',
  'A',
  'é',
  '%2f',
  '%0a',
  ' ',
  '\t',
  '\r\n',
  '\u2028',
  '\0',
  'k',
  ':80',
  '@',
];

/** Hostile values, each at one door: some are harm from end to end, some an ordinary value with harm in it. */
export function hostileSites(count: number, canary: string): { door: Door; value: string }[] {
  const random = seeded(7);
  return Array.from({ length: count }, (_, at) => {
    const door = doors[at % doors.length] ?? 'domain';
    if (random() < 0.25) return { door, value: hostile(random, canary, { nul: true }).slice(0, 500) };
    const was = ordinary[door];
    const place = below(random, was.length + 1);
    const harm = Array.from({ length: 1 + below(random, 2) }, () => pick(random, pieces)).join('');
    return { door, value: was.slice(0, place) + harm + was.slice(place + below(random, 2)) };
  });
}

/** The ops.yml with one value in its place, or with ordinary ones only. */
export function opsOf(proxy: 'nginx' | 'caddy', hostile?: { door: Door; value: string }): string {
  const at = (door: Door) => JSON.stringify(hostile?.door === door ? hostile.value : ordinary[door]);
  return `hosts: { here: local }
apps:
  ${at('app')}:
    host: here
    repo: /srv/clone
    runtime: process
    process: { start: node x }
    maintenance: { flag: ${at('flag')} }
    health: { ready: http://127.0.0.1:4000/ }
    environments:
      ${at('environment')}:
        root: ${at('root')}
        site:
          proxy: ${proxy}
          domains: [book.example.org, ${at('domain')}]
          email: ${at('email')}
          acme: ${at('acme')}
          basic_auth: ${at('basic_auth')}
          body_limit: ${at('body_limit')}
          upstreams: { ${at('upstream')}: 4000, ${hostile?.door === 'upstream' ? 'web' : 'other'}: 4001 }
          routes:
            /: web
            ${at('route')}: { to: ${at('to')}, api: true, timeout: ${at('timeout')}, body_limit: ${at('route_limit')} }
            /static/: { folder: ${at('folder')} }
`;
}

/** The directives of an nginx configuration as nginx reads them: depth, name, and how many words follow; sorted. */
export function nginxShape(text: string): string[] {
  const found: string[] = [];
  let words: string[] = [];
  let depth = 0;
  const end = () => {
    found.push(`${depth} ${words[0]} ${words.length - 1}`);
    words = [];
  };
  for (const [token] of text.matchAll(/#[^\n]*|[;{}]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\\.|\$\{|[^\s;{}\\])+/g)) {
    if (token.startsWith('#')) continue;
    if (token === ';') end();
    else if (token === '{') {
      end();
      depth++;
    } else if (token === '}') {
      if (words.length) found.push(`left over: ${words.join(' ')}`);
      depth--;
    } else words.push(token);
  }
  return [...found, `depth at the end ${depth}`].toSorted();
}
