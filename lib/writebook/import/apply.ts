// Carries out a plan: the request for the program in the application, with the images that it has not got.
import { applyAnswer } from '../program/answers.ts';
import { fileInBundle, pageInBundle } from '../program/bundle.ts';
import type { BookState, PageContent, ImportRecord, Leaf, BookName } from '../content.ts';
import type { Image } from '../folder/image.ts';
import { uploadOf, type PageDecision, type ImportPlan } from './plan.ts';
import type { Application } from '../program/application.ts';
import { runProgram } from '../program/program.ts';
import { compareShown, type ShownDifferently } from './shown.ts';

export type Applied = { book: BookName; record: ImportRecord; skipped: string[]; shown: ShownDifferently };

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
  const { decisions, moves, files } = plan;
  const written = decisions.flatMap(one => (one.does === 'create' || one.does === 'update' ? [one] : []));
  const sent: Image[] = [];
  const images: Record<string, { name: string; md5: string; slug?: string; file?: string }> = Object.create(null);
  const send = (key: string, image: Image, slug?: string) => {
    const { name, md5 } = image;
    images[key] ??= { name, md5, ...(slug === undefined ? { file: fileInBundle(sent.push(image) - 1) } : { slug }) };
  };
  const slugs = new Map<string, string | undefined>();
  for (const one of written) {
    for (const piece of one.chapter.pieces) {
      if (typeof piece === 'string' || !('image' in piece) || slugs.has(piece.image)) continue;
      const image = folderImages.get(piece.image);
      slugs.set(piece.image, image && uploadOf(image, state.uploads)?.slug);
      if (image) send(piece.image, image, slugs.get(piece.image));
    }
    if (hasNewPicture(one)) send(pictureOf(one), one.chapter.image);
  }
  const shown = compareShown(written.map(one => one.chapter));
  const ops = written.map((one, index) => ({
    path: one.path,
    show: shown.isWanted(one.chapter),
    title: one.chapter.title,
    file: pageInBundle(index),
    ...(one.does === 'update' ? onto(one) : {}),
  }));
  const request = {
    do: 'apply',
    book: wanted.name,
    make: wanted.make,
    wait: wanted.waitSeconds,
    seal: state.seal || undefined,
    files,
    create: ops.filter((_, index) => written[index]?.does === 'create'),
    update: ops.filter((_, index) => written[index]?.does === 'update'),
    move: moves,
    trash: decisions.flatMap(one => (one.does === 'trash' ? [{ path: one.path, ...onto(one) }] : [])),
    images,
  };
  const hearing = { images: sent, pages: pagesOf(written), did, shown: shown.hear };
  const answer = await runProgram(application, request, applyAnswer, hearing);
  return { ...answer, shown: shown.told };
}

type WrittenPage = Extract<PageDecision, { does: 'create' | 'update' | 'edited' | 'conflict' }>;

function* pagesOf(written: readonly WrittenPage[]): Generator<object> {
  for (const one of written) {
    const { kind, theme, caption, pieces } = one.chapter;
    yield { kind, theme, caption, body: pieces, image: hasNewPicture(one) ? pictureOf(one) : null };
  }
}

type WithPicture = WrittenPage & { chapter: { image: Image } };

function hasNewPicture(one: WrittenPage): one is WithPicture {
  const { image } = one.chapter;
  return image !== undefined && (one.does === 'create' || image.md5 !== one.leaf.image);
}

function pictureOf({ path }: WrittenPage): string {
  return `picture:${path}`;
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
