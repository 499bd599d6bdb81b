// Carries out a plan: the request for the program in the application, with the images that it has not got.
import { applyAnswer } from '../program/answers.ts';
import { fileInBundle } from '../program/bundle.ts';
import type { BookChapter } from '../folder/chapter.ts';
import type { BookState, PageContent, ImportRecord, Leaf, BookName } from '../content.ts';
import type { Image } from '../folder/image.ts';
import { uploadOf, type PageDecision, type ImportPlan } from './plan.ts';
import { runProgram, type Application } from '../program/program.ts';

export type Applied = { book: BookName; record: ImportRecord; skipped: string[] };

type Request = { name: string; make: string | undefined; waitSeconds: number };

/** What a plan writes: pages, and the moves of pages. */
export function writesOf({ decisions, moves }: ImportPlan): number {
  return decisions.filter(one => /^(?:create|update|trash)$/.test(one.does)).length + moves.length;
}

/** @param wanted the book as the person named it; `make`: the title of one that is not there yet */
export async function applyPlan(
  application: Application,
  plan: ImportPlan,
  state: BookState,
  folderImages: ReadonlyMap<string, Image>,
  wanted: Request,
  did: (what: string, path: string) => void,
): Promise<Applied> {
  const sent: Image[] = [];
  const images: Record<string, { name: string; md5: string; slug?: string; file?: string }> = Object.create(null);
  const send = (key: string, image: Image, slug?: string) => {
    const { name, md5 } = image;
    images[key] ??= { name, md5, ...(slug === undefined ? { file: fileInBundle(sent.push(image) - 1) } : { slug }) };
    return key;
  };
  const page = (chapter: BookChapter, before?: Leaf) => {
    const { path, kind, title, theme, caption, pieces, image } = chapter;
    for (const piece of pieces) {
      if (typeof piece === 'string' || !('image' in piece)) continue;
      const found = folderImages.get(piece.image);
      if (found) send(piece.image, found, uploadOf(found, state.uploads)?.slug);
    }
    const picture = image && image.md5 !== before?.image ? send(`picture:${path}`, image) : null;
    return { path, kind, title, theme, caption, body: pieces, image: picture };
  };
  const { decisions, moves, files } = plan;
  const request = {
    do: 'apply',
    book: wanted.name,
    make: wanted.make,
    wait: wanted.waitSeconds,
    seal: state.seal || undefined,
    files,
    create: decisions.flatMap(one => (one.does === 'create' ? [page(one.chapter)] : [])),
    update: decisions.flatMap(one => (one.does === 'update' ? [{ ...page(one.chapter, one.leaf), ...onto(one) }] : [])),
    move: moves,
    trash: decisions.flatMap(one => (one.does === 'trash' ? [{ path: one.path, ...onto(one) }] : [])),
    images,
  };
  return runProgram(application, request, applyAnswer, { images: sent, did });
}

/** The leaf, as the plan saw it: if it is another by now, it stays. */
function onto({ leaf }: Extract<PageDecision, { leaf: Leaf }>): {
  leaf: number;
  expects: PageContent;
  restore: boolean;
} {
  const { kind, title, body, theme, caption, image } = leaf;
  return { leaf: leaf.id, expects: { kind, title, body, theme, caption, image }, restore: !leaf.active };
}
