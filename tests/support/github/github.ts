// A stand-in for GitHub: it keeps pull requests of one repository, and refuses what GitHub's own published description does not allow.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

type Schema = { type?: string; enum?: string[]; properties?: Record<string, Schema>; required?: string[] };
type Operation = {
  parameters: { name: string; in: string; required?: boolean; schema: Schema }[];
  responses: string[];
  body?: { required: boolean; schema: Schema };
};
const { paths } = JSON.parse(readFileSync(join(import.meta.dirname, 'description.json'), 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
};

export type StandInRequest = {
  number: number;
  html_url: string;
  title: string;
  body: string | null;
  state: 'open' | 'closed';
  merged_at: string | null;
  head: { ref: string };
  base: { ref: string };
};

export type GitHubStandIn = {
  url: string;
  requests: StandInRequest[];
  /** `POST /repos/ana/book/pulls`, in order. */
  calls: string[];
  /** What the description does not allow, and what was answered to it. */
  faults: string[];
  /** Gives this status to the next call of that method. */
  fail(method: string, status: number): void;
  close(): void;
};

export async function startGitHub(token: string): Promise<GitHubStandIn> {
  const state: GitHubStandIn = { url: '', requests: [], calls: [], faults: [], fail: (method, status) => failing.set(method, status), close: () => server.close() }; // prettier-ignore
  const failing = new Map<string, number>();
  const server = createServer((request, answer) => {
    void bodyOf(request).then(text => {
      const { method = '', url = '' } = request;
      const asked = new URL(url, 'http://github.test');
      state.calls.push(`${method} ${asked.pathname}`);
      const [status, value] = respond(request, asked, text);
      answer.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(value));
    });
  });

  function respond(request: IncomingMessage, asked: URL, text: string): [number, unknown] {
    const { method = '', headers } = request;
    if (headers.authorization !== `token ${token}`) return [401, { message: 'Bad credentials' }];
    const forced = failing.get(method);
    if (failing.delete(method) && forced !== undefined) return [forced, { message: 'As the test wants it' }];
    const found = operationOf(method, asked.pathname);
    if (!found) return [404, { message: 'Not Found' }];
    const body = text ? (JSON.parse(text) as Record<string, unknown>) : undefined;
    const wrong = faultsOf(found.operation, asked.searchParams, body);
    state.faults.push(...wrong.map(one => `${method} ${asked.pathname}: ${one}`));
    if (wrong.length) return [422, { message: 'Validation Failed', errors: wrong }];
    if (method === 'GET') return [200, listed(asked.searchParams)];
    if (method === 'POST') return opened(body ?? {});
    const changed = state.requests.find(({ number }) => number === found.number);
    if (!changed) return [404, { message: 'Not Found' }];
    Object.assign(changed, body);
    return [200, changed];
  }

  const listed = (query: URLSearchParams) => {
    const wanted = query.get('state') ?? 'open';
    const head = query.get('head')?.split(':')[1];
    return state.requests
      .filter(one => (wanted === 'all' || one.state === wanted) && (!head || one.head.ref === head))
      .toReversed();
  };

  const opened = (body: Record<string, unknown>): [number, unknown] => {
    const [head, base] = [String(body['head']), String(body['base'])];
    if (state.requests.some(one => one.state === 'open' && one.head.ref === head && one.base.ref === base))
      return [422, { message: 'Validation Failed', errors: [{ message: `A pull request already exists for ana:${head}.` }] }]; // prettier-ignore
    const number = 7 + state.requests.length;
    const made: StandInRequest = { number, html_url: `https://github.com/ana/book/pull/${number}`, title: String(body['title']), body: String(body['body']), state: 'open', merged_at: null, head: { ref: head }, base: { ref: base } }; // prettier-ignore
    state.requests.push(made);
    return [201, made];
  };

  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return state;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request.setEncoding('utf8')) text += String(piece);
  return text;
}

function operationOf(method: string, path: string) {
  for (const [form, operations] of Object.entries(paths)) {
    const match = new RegExp(`^${form.replaceAll(/\{\w+\}/g, '([^/]+)')}$`).exec(path);
    const operation = operations[method.toLowerCase()];
    if (match && operation) return { operation, number: Number(match[3]) };
  }
  return undefined;
}

/** Also names that it does not know: GitHub takes no notice of those, and a misspelt one would go unseen. */
function faultsOf(operation: Operation, query: URLSearchParams, body: Record<string, unknown> | undefined): string[] {
  const known = new Map(operation.parameters.filter(one => one.in === 'query').map(one => [one.name, one.schema]));
  const faults = [...query].flatMap(([name, value]) => {
    const schema = known.get(name);
    if (!schema) return [`no parameter ${name}`];
    return schema.enum && !schema.enum.includes(value) ? [`${name}=${value}`] : [];
  });
  if (!operation.body) return body ? [...faults, 'a body'] : faults;
  const { properties = {}, required = [] } = operation.body.schema;
  for (const name of required) if (body?.[name] === undefined) faults.push(`${name} is missing`);
  for (const [name, value] of Object.entries(body ?? {})) {
    const schema = properties[name];
    if (!schema) faults.push(`no property ${name}`);
    else if (schema.type && schema.type !== typeof value) faults.push(`${name} is a ${typeof value}`);
  }
  return faults;
}
