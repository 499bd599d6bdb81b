// Explains what is wrong with the answer of one probe.
import type { Probe } from '../target/health-settings.ts';
import { isRecord } from '../record.ts';
import { escape, filled, isAs, expected } from './expected-value.ts';

/** Letters of a body that the host sends. */
const most = 65_536;

export type Seen = { name: string; status: number; head: string; body: string; why: string };

/** What is wrong with an answer, as the end of a sentence that begins with the URL; undefined: nothing. */
export function mismatch(probe: Probe, seen: Seen, sha: string): string | undefined {
  const { status, head, body, why } = seen;
  if (status === 0) return why.replace(/^curl: \(\d+\) /, '') || 'did not answer';
  if (status !== probe.status) {
    const location = /^location: *(.*)$/im.exec(head)?.[1]?.trim();
    if (location) return `answers ${status}, a redirect to ${location}, and a probe follows none`;
    const reason = reasonIn(body);
    return `answers ${status}${reason ? `: ${reason}` : ''}${hint(status)}`;
  }
  if (probe.header) {
    const value = new RegExp(`^${escape(probe.header.name)}: *(.*)$`, 'im').exec(head)?.[1]?.trim();
    const want = filled(probe.header.value, sha).trim();
    if (!isAs(value, probe.header.value.trim(), sha))
      return `has ${probe.header.name} ${value ? JSON.stringify(value) : 'missing'}, expected ${want}`;
  }
  const keys = Object.entries(probe.json);
  if (keys.length === 0) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    if (body.length >= most)
      return `answers ${status} with more than ${most / 1024} kB, too much for a probe with json`;
    return `answers ${status} with something that is not JSON`;
  }
  for (const [path, raw] of keys) {
    const want = expected(raw, sha);
    const found = valueAt(json, path);
    if (!isAs(found, raw, sha))
      return `says ${path}: ${JSON.stringify(found) ?? 'nothing'}, expected ${JSON.stringify(want)}`;
  }
  return undefined;
}

/** Follows keys and places in lists, `checks.0.ok`; a key may have dots itself. */
function valueAt(json: unknown, path: string): unknown {
  if (typeof json !== 'object' || json === null) return undefined;
  const own = new Map(Object.entries(json));
  if (own.has(path)) return own.get(path);
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const found = valueAt(own.get(path.slice(0, dot)), path.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

function hint(status: number): string {
  if (status === 404) return ' (nothing at this path: is the path or the port of the probe right?)';
  if (status === 403 || status === 400) return ' (does the app refuse this Host header?)';
  return '';
}

function reasonIn(body: string): string {
  try {
    const json: unknown = JSON.parse(body);
    if (isRecord(json)) {
      const said = json.reason ?? json.error ?? json.message ?? json.status;
      if (typeof said === 'string') return said.slice(0, 200);
      return JSON.stringify(json).slice(0, 200);
    }
  } catch {
    // not JSON: the first line of text will do
  }
  const [first = ''] = body.trim().split('\n');
  return first.replace(/<[^>]*>/g, '').slice(0, 200);
}
