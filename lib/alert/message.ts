// The text of an alert about backups, in the form that each kind of receiver needs.
import { targetName } from '../target/command.ts';
import { visible } from '../report/safe-text.ts';
import { oneObject } from '../report/report.ts';

export type News = {
  /** `backup`, `age:disk`: the same word for the failure and for its end. */
  subject: string;
  /** `again`: reported before, and still failing. */
  what: 'failure' | 'again' | 'recovery';
  says: string;
  /** What to type next. */
  advice?: string;
};

export type Message = {
  app: string;
  environment: string;
  host: string;
  /** By the host's clock where that could be asked. */
  time: Date;
  /** Failures first; empty: all is well, for receivers that want each success. */
  news: News[];
  /** Nothing is wrong now, as far as is known. */
  well: boolean;
};

const longest = 600;

/** `book production: backup failed`, one line. */
export function titleOf(message: Message): string {
  const { news, well } = message;
  const bad = news.filter(one => one.what !== 'recovery');
  const [first] = bad;
  const rest = bad.length > 1 ? `, and ${bad.length - 1} more` : '';
  const says = first
    ? `${oneLine(first.says)}${rest}`
    : well
      ? 'all checks pass'
      : 'one problem is resolved, others remain';
  return `${targetName(message)}: ${says}`;
}

/** Plain lines; what a server or a person wrote in them can neither begin a line nor move a cursor. */
export function messageText(message: Message): string {
  const { host, news, time } = message;
  const lines = news.flatMap(({ what, says, advice }) => [
    `${what === 'recovery' ? '✔' : '✖'} ${oneLine(says)}${what === 'again' ? ' (still)' : ''}`,
    ...(advice === undefined ? [] : [`  → ${oneLine(advice)}`]),
  ]);
  return [titleOf(message), `on ${host}, ${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`, ...lines].join(
    '\n',
  );
}

/** For Slack and what takes its messages: no text can become a link, a mention or markup. */
export function slackOf(message: Message): string {
  const text = messageText(message)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    // Mattermost and others call everybody for a plain @all
    .replaceAll('@', '@\u2060');
  return JSON.stringify({ text, mrkdwn: false });
}

/** For programs: everything by name, on one line. */
export function messageJson(message: Message): string {
  const { app, environment, host, time, news, well } = message;
  return oneObject({
    app,
    environment,
    host,
    time: time.toISOString(),
    state: well ? 'good' : 'bad',
    title: titleOf(message),
    text: messageText(message),
    news,
  });
}

/** A whole e-mail. Headers are made of nothing that could end one, the text travels as base64. */
export function mailOf(message: Message, to: string): string {
  const body = Buffer.from(`${messageText(message)}\n`).toString('base64');
  return [
    `To: ${to}`,
    `Subject: ${header(titleOf(message))}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    'Auto-Submitted: auto-generated',
    '',
    ...(body.match(/.{1,76}/g) ?? []),
    '',
  ].join('\n');
}

/** Encoded words of at most 39 bytes each, cut between characters. */
function header(text: string): string {
  if (/^[ -~]{1,70}$/.test(text) && !text.includes('=?')) return text;
  const words: string[] = [];
  let piece = '';
  for (const character of text) {
    if (Buffer.byteLength(piece + character) > 39) {
      words.push(piece);
      piece = '';
    }
    piece += character;
  }
  words.push(piece);
  return words.map(word => `=?utf-8?B?${Buffer.from(word).toString('base64')}?=`).join('\n ');
}

function oneLine(text: string): string {
  const line = visible(text).replace(/\s+/g, ' ').trim();
  return line.length > longest ? `${line.slice(0, longest)}…` : line;
}
