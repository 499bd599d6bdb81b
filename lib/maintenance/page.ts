// What visitors get while maintenance is on: the page with message and time in it, and the same as JSON.
import { readFileSync } from 'node:fs';
import type { Maintenance } from '../target/site-settings.ts';
import { Failure, messageOf } from '../errors.ts';
import type { Moment } from './end-time.ts';

/** The additional message for visitors. */
export type MaintenanceNotice = { message?: string | undefined; until?: Pick<Moment, 'iso' | 'words'> | undefined };

export const longestMessage = 300;

/** @throws Failure 2 when it is more than one paragraph of at most 300 characters. */
export function readMessage(text: string): string {
  const message = text.trim();
  const length = Array.from(message).length;
  if (length > longestMessage)
    throw new Failure(2, `--message has ${length} characters, and the page has room for ${longestMessage}`);
  // oxlint-disable-next-line no-control-regex
  if (!message || /[\0-\x1f\x7f-\x9f\u2028\u2029\ufffd]|\p{Cs}/u.test(message))
    throw new Failure(2, '--message is to be one paragraph of plain text', { advice: 'leave out line breaks' });
  return message;
}

/** The page: that of ops.yml, or the built-in one. @throws Failure 3 when it cannot be read. */
export function pageOf(maintenance: Maintenance, told: MaintenanceNotice = {}): string {
  const source = maintenance.source ?? new URL('../../nginx/maintenance.html', import.meta.url);
  try {
    return filled(readFileSync(source, 'utf8'), { message: told.message, until: told.until?.words });
  } catch (error) {
    throw new Failure(3, `the maintenance page cannot be read: ${messageOf(error)}`);
  }
}

/** Other braces in the page are its own affair. A paragraph whose placeholder has no value is left out. */
function filled(page: string, values: { message: string | undefined; until: string | undefined }): string {
  const placeholder = /\{\{\s*(message|until)\s*\}\}/g;
  const valueOf = (name: string) => values[name === 'message' ? 'message' : 'until'];
  return page
    .replaceAll(/[ \t]*<p(?:\s[^>]*)?>(?:(?!<\/?p[\s>])[^])*<\/p>(?:[ \t]*\n)?/gi, paragraph =>
      [...paragraph.matchAll(placeholder)].some(([, name = '']) => valueOf(name) === undefined) ? '' : paragraph,
    )
    .replaceAll(placeholder, (_, name: string) => escaped(valueOf(name) ?? ''));
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, one => entities[one] ?? one);
}

/** For routes with `api: true`. */
export function maintenanceJson({ message = 'Back in a moment', until }: MaintenanceNotice = {}): string {
  return JSON.stringify({ error: 'maintenance', message, ...(until && { until: until.iso }) });
}
