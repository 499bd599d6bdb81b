// What the folder and the book are compared by: the content of one page, as both sides know it.

export type Kind = 'Page' | 'Section' | 'Picture';

/** `body` is the SHA-256 of a text's bytes, `image` the MD5 of a picture, base64, as the application keeps it. */
export type PageContent = {
  kind: Kind;
  title: string;
  body: string;
  theme: string | null;
  caption: string | null;
  image: string | null;
};

export type ContentPart = 'title' | 'body' | 'theme' | 'caption' | 'image';

const parts: ContentPart[] = ['title', 'body', 'theme', 'caption', 'image'];

/** In what two contents differ. */
export function differing(one: PageContent, other: PageContent): ContentPart[] {
  return parts.filter(part => one[part] !== other[part]);
}

/** A page of the book, as the application answers it. */
export type Leaf = PageContent & {
  id: number;
  /** When it was made, to the microsecond: a number may be given again after a restore. */
  made: string;
  slug: string;
  /** false: it lies in the trash. */
  active: boolean;
  /** Of pages that no import wrote as they are now; null: not asked for. */
  text: string | null;
};

export type Upload = { slug: string; name: string; md5: string };

/** What an import last wrote for one file. */
export type Entry = PageContent & { leaf: number; made: string };

/** Which file is which leaf. It lies in the application's volume, and beside the folder's files. `serial` counts imports. */
export type ImportRecord = { serial: number; files: Record<string, Entry> };

export type BookName = { id: number; title: string; slug: string };

export type BookState = {
  book: BookName;
  /** In their order. */
  leaves: Leaf[];
  uploads: Upload[];
  record: ImportRecord;
  /** Of the record's bytes: an import that comes between is noticed. */
  seal: string;
};
