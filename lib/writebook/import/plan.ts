// Decides what an import does to each page, from the folder, the book and the record of what was last written; it changes nothing.
import { withAddresses, type BookChapter, type Piece, type FolderProblem } from '../folder/chapter.ts';
import {
  differing,
  type BookName,
  type BookState,
  type PageContent,
  type Entry,
  type ImportRecord,
  type Leaf,
  type ContentPart,
  type Upload,
} from '../content.ts';
import type { Folder } from '../folder/folder.ts';
import type { Image } from '../folder/image.ts';
import { matchLeaves } from './match.ts';
import { movesTo, type Move } from './order.ts';
import { sha256 } from '../../host/checksum.ts';

/** `trash`: pages whose file is gone. `take`: whose text wins where both sides changed. */
export type ImportChoices = { trash: boolean; take: 'ours' | 'theirs' | 'merge' | undefined };

/**
 * One page. 'edited': only in the browser, so it stays. 'conflict': on both sides. 'left': its file is gone.
 * 'foreign': it never had one.
 */
export type PageDecision =
  | { does: 'create'; path: string; chapter: BookChapter }
  | { does: 'untouched'; path: string; leaf: Leaf; chapter: BookChapter }
  | { does: 'update' | 'edited' | 'conflict'; path: string; leaf: Leaf; chapter: BookChapter; changes: PageChange[] }
  | { does: 'trash' | 'left' | 'foreign'; path: string; leaf: Leaf };

/** One that differs, in the folder or in the browser. */
export type ChangedPage = Extract<PageDecision, { changes: unknown }>;

type PageChange = ContentPart | 'trashed';

export type ImportPlan = {
  /** Chapters in the folder's order, then what has no file. */
  decisions: PageDecision[];
  moves: Move[];
  /** What is known of the book before the plan is carried out: file → leaf. */
  files: Record<string, Entry>;
  problems: FolderProblem[];
  /** A chapter's text as it stands in the application: what has no address there yet is as the file has it. */
  textOf: (chapter: BookChapter) => string;
};

/** For a book that is not there yet: everything is created. */
export const noBook: BookState = {
  book: { id: 0, title: '', slug: '' },
  leaves: [],
  uploads: [],
  record: { serial: 0, files: {} },
  seal: '',
};

export function planImport(folder: Folder, state: BookState, mirror: ImportRecord, choices: ImportChoices): ImportPlan {
  const { entries, leafOf, problems } = matchLeaves(folder, state, mirror);
  const address = addresses(state, folder, leafOf);
  const decisions: PageDecision[] = [];
  const files: Record<string, Entry> = {};
  for (const chapter of folder.chapters) {
    const { path } = chapter;
    const leaf = leafOf.get(path);
    if (!leaf) {
      decisions.push({ does: 'create', path, chapter });
      continue;
    }
    const entry = entries.get(leaf.id);
    const decision = decide(chapter, leaf, entry, wantedOf(chapter, leaf, address), choices);
    decisions.push(decision);
    if (decision.does === 'untouched') files[path] = entryOf(leaf);
    else if (entry) files[path] = entry;
  }

  const claimed = new Set([...leafOf.values()].map(leaf => leaf.id));
  for (const leaf of state.leaves) {
    if (!leaf.active || claimed.has(leaf.id)) continue;
    const entry = entries.get(leaf.id);
    const path = entry?.path ?? `${leaf.id}`;
    const does = !entry ? 'foreign' : choices.trash && !differing(leaf, entry).length ? 'trash' : 'left';
    decisions.push({ does, path, leaf });
    if (entry && does === 'left') files[path] = entry;
  }
  const written = new Set(decisions.flatMap(one => (/create|update/.test(one.does) ? [one.path] : [])));
  return {
    decisions,
    moves: movesTo(decisions, state.leaves),
    files,
    textOf: chapter => withAddresses(chapter.pieces, address).text,
    problems: [...folder.problems, ...problems].map(one =>
      one.stops === 'written' ? { ...one, stops: written.has(one.path) } : one,
    ),
  };
}

/** What a file makes of its leaf; `body` is undefined while a link or an image in it has no address yet. */
type Wanted = Omit<PageContent, 'body'> & { body: string | undefined };

type AddressOf = (piece: Exclude<Piece, string>) => string | undefined;

function wantedOf(chapter: BookChapter, leaf: Leaf, address: AddressOf): Wanted {
  const { kind, title, theme, caption, image } = chapter;
  const { text, complete } = withAddresses(chapter.pieces, address);
  // the application shows a section without a text by its title
  const isBare = kind === 'Section' && text === title && leaf.body === sha256('');
  const body = isBare ? leaf.body : complete ? sha256(text) : undefined;
  return { kind, title, theme, caption, image: image?.md5 ?? null, body };
}

function decide(
  chapter: BookChapter,
  leaf: Leaf,
  entry: Entry | undefined,
  wanted: Wanted,
  { take }: ImportChoices,
): PageDecision {
  const { path } = chapter;
  const from = (content: PageContent): ContentPart[] => differing({ ...wanted, body: wanted.body ?? '' }, content);
  const changes: PageChange[] = leaf.active ? from(leaf) : ['trashed'];
  const about = { path, leaf, chapter, changes };
  if (!changes.length) return { does: 'untouched', path, leaf, chapter };
  const inBrowser = !leaf.active || !entry || differing(leaf, entry).length > 0;
  if (!inBrowser) return { does: 'update', ...about };
  const inFolder = !entry || from(entry).length > 0;
  if (take === 'ours' && (inFolder || !leaf.active)) return { does: 'update', ...about };
  return { does: inFolder && take !== 'theirs' ? 'conflict' : 'edited', ...about };
}

export function entryOf({ id, made, kind, title, body, theme, caption, image }: Leaf): Entry {
  return { kind, title, body, theme, caption, image, leaf: id, made };
}

/** The addresses that links and images have in the application now. */
function addresses({ book, uploads }: BookState, { chapters, images }: Folder, leafOf: Map<string, Leaf>): AddressOf {
  const titles = new Map(chapters.map(chapter => [chapter.path, chapter.title]));
  const byPath = new Map([...images].map(([path, image]) => [path, uploadOf(image, uploads)]));
  return piece => {
    if ('image' in piece) {
      const upload = byPath.get(piece.image);
      return upload && `/u/${upload.slug}`;
    }
    const leaf = leafOf.get(piece.to);
    return leaf && leaf.title === titles.get(piece.to) ? leafAddress(book, leaf) : undefined;
  };
}

export function leafAddress(book: BookName, { id, slug }: Pick<Leaf, 'id' | 'slug'>): string {
  return `/${book.id}/${book.slug}/${id}/${slug}`;
}

/** The same bytes under the same name, or an export of it, whose name is the slug. */
export function uploadOf({ md5, name }: Image, uploads: readonly Upload[]): Upload | undefined {
  return uploads.find(upload => upload.md5 === md5 && (upload.slug === name || upload.name === name));
}
