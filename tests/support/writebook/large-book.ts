// Generates a folder of chapters of any size: prose, lists, code, links between chapters and images, the same for each run.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { png } from './writebook.ts';

export type LargeBook = { chapters: number; images: number; imageBytes?: number; paragraphs?: number };

/** Each chapter links to the next and the one before, about every fourth shows an image; `edition` makes other texts. */
export function writeLargeBook(
  folder: string,
  { chapters, images, imageBytes = 20_000, paragraphs = 12 }: LargeBook,
): void {
  mkdirSync(join(folder, 'images'), { recursive: true });
  for (let at = 0; at < images; at++)
    writeFileSync(
      join(folder, 'images', imageName(at)),
      Buffer.concat([png(String(at)), Buffer.alloc(imageBytes, at)]),
    );
  const shown = Math.max(1, Math.floor(chapters / Math.max(1, images)));
  for (let at = 0; at < chapters; at++) {
    const path = chapterPath(at);
    mkdirSync(join(folder, path, '..'), { recursive: true });
    const to = (other: number) => `../${chapterPath((other + chapters) % chapters)}`;
    const image =
      at % shown === 0 && images ? `\n![Figure ${at}](../images/${encodeURI(imageName((at / shown) % images))})\n` : '';
    const prose = Array.from({ length: paragraphs }, (_, index) => paragraph(at, index)).join('\n\n');
    writeFileSync(
      join(folder, path),
      `# Chapter ${at + 1}\n\n[before](${to(at - 1)}) and [next](${to(at + 1)}#part-two)\n${image}\n${prose}\n\n## Part two\n\n- one\n- two\n\n\`\`\`ruby\nputs "[no](link.md)"\n\`\`\`\n`,
    );
  }
}

export function chapterPath(at: number): string {
  return `${String(Math.floor(at / 100) + 1).padStart(2, '0')}-part/${String(at + 1).padStart(4, '0')}-chapter.md`;
}

function imageName(at: number): string {
  return `figure ${at}.png`;
}

const words =
  'the island lay low in the water and nobody had come over since the winter but the lamp was *still* lit'.split(' ');

function paragraph(chapter: number, index: number): string {
  return Array.from(
    { length: 60 },
    (_, at) => words[(chapter * 7 + index * 13 + at * (1 + (index % 3))) % words.length],
  ).join(' ');
}
