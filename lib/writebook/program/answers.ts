// What the program in the application answers: marked lines among those of its log, checked before anything is made of them.
import { PassThrough, type Writable } from 'node:stream';
import * as v from 'valibot';
import { Failure } from '../../errors.ts';

const content = {
  kind: v.picklist(['Page', 'Section', 'Picture']),
  title: v.string(),
  body: v.string(),
  theme: v.nullable(v.string()),
  caption: v.nullable(v.string()),
  image: v.nullable(v.string()),
};
const number = v.pipe(v.number(), v.integer());
const bookName = v.object({ id: number, title: v.string(), slug: v.string() });
const entry = v.object({ ...content, leaf: number, made: v.string() });
// a file may be called constructor, and valibot's own records lose that
const files = v.pipe(
  v.custom<object>(value => typeof value === 'object' && value !== null && !Array.isArray(value)),
  v.transform(value => Object.entries(value)),
  v.array(v.tuple([v.string(), entry])),
  v.transform(pairs => Object.fromEntries(pairs)),
);

/** The record of imports, as it lies in the application's volume and in the folder. */
export const recordSchema = v.object({ serial: number, files });

const leaf = v.object({
  ...content,
  id: number,
  made: v.string(),
  slug: v.string(),
  active: v.boolean(),
  text: v.nullable(v.string()),
});
const upload = v.object({ slug: v.string(), name: v.string(), md5: v.string() });
const book = {
  book: bookName,
  leaves: v.array(leaf),
  uploads: v.array(upload),
  record: recordSchema,
  seal: v.string(),
};
const none = v.object({ book: v.null(), books: v.array(bookName) });

export const stateAnswer = v.union([v.object(book), none]);
const handedOut = v.object({
  file: number,
  slug: v.nullable(v.string()),
  leaf: v.nullable(number),
  name: v.string(),
  md5: v.string(),
});
export const exportAnswer = v.union([v.object({ ...book, files: v.array(handedOut) }), none]);
export const teasersAnswer = v.union([
  v.object({ from: v.object(book), into: stateAnswer, published: v.boolean() }),
  none,
]);
export const applyAnswer = v.object({ book: bookName, record: recordSchema, skipped: v.array(v.string()) });

export const basesAnswer = v.object({ texts: v.array(v.object({ leaf: number, text: v.string() })) });

/** `html` as the application's sanitizer leaves it; `fails`: why it cannot be shown. */
export const shownPage = v.union([
  v.object({ path: v.string(), html: v.string() }),
  v.object({ path: v.string(), fails: v.string() }),
]);

export type ShownPage = v.InferOutput<typeof shownPage>;
export type HandedOut = v.InferOutput<typeof handedOut>;
export type BookExport = Exclude<v.InferOutput<typeof exportAnswer>, { book: null }>;

/** @throws Failure 1 for an answer that is not what was asked for. */
export function parsed<T extends v.GenericSchema>(schema: T, json: string): v.InferOutput<T> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  const found = v.safeParse(schema, value);
  if (found.success) return found.output;
  const [issue] = found.issues;
  throw new Failure(1, 'the program in the application gave an answer that cannot be read', {
    detail: `${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`,
  });
}

/** Hands each marked line to `hear`, by its kind; the other lines, of the log, to `other`. `ended` waits for all that was written. */
export function markedLines(
  hear: (kind: string, value: string) => void | Promise<void>,
  other: (line: string) => void,
): { sink: Writable; ended(): Promise<void> } {
  const sink = new PassThrough();
  const read = async () => {
    let held: Buffer[] = [];
    for await (const given of sink) {
      const piece = Buffer.from(given);
      let from = 0;
      for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, from)) {
        const line = Buffer.concat([...held, piece.subarray(from, at)]).toString();
        held = [];
        from = at + 1;
        const marked = /^bookops-([a-z]+) /.exec(line);
        if (marked) await hear(marked[1] ?? '', line.slice(marked[0].length));
        else if (line.trim()) other(line.slice(0, 2000));
      }
      if (from < piece.length) held.push(piece.subarray(from));
    }
  };
  const reading = read();
  reading.catch(() => {}); // told by `ended`
  return {
    sink,
    ended() {
      sink.end();
      return reading;
    },
  };
}
