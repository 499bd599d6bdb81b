// The manifest of a backup: its parts and what must be in them. A backup without one does not exist.
import { randomBytes } from 'node:crypto';
import { sha256 } from '../host/checksum.ts';
import * as v from 'valibot';
import { targetName } from '../target/command.ts';
import { count, databaseFacts } from '../database/facts.ts';
import { Failure, messageOf } from '../errors.ts';

const sum = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const idForm = /^\d{8}T\d{6}Z-[0-9a-f]{6}$/;

const schema = v.object({
  version: v.literal(1),
  app: v.string(),
  environment: v.string(),
  id: v.pipe(v.string(), v.regex(idForm)),
  /** By the host's clock. */
  time: v.pipe(v.string(), v.isoTimestamp()),
  by: v.string(),
  /** What served at that moment. */
  release: v.nullable(v.string()),
  /** The backup whose files.tar.zst these changes were made against, and its checksum there; missing: this one is whole. */
  base: v.optional(v.object({ id: v.pipe(v.string(), v.regex(idForm)), sha256: sum })),
  /** Who can open the parts that end in .age; missing: nothing is encrypted. */
  recipients: v.optional(v.array(v.string())),
  parts: v.array(
    v.object({
      // it becomes a part of keys and paths
      name: v.pipe(
        v.string(),
        v.regex(
          /^((database\.(sqlite|dump)|files\.tar|changes\.tar|gone|app\.tar|app)\.zst(\.age)?|bucket-index\.jsonl\.zst)$/,
        ),
      ),
      /** Of the stored object. */
      bytes: count,
      sha256: sum,
      /** Of what is in it. */
      rawBytes: count,
      rawSha256: v.nullable(sum),
    }),
  ),
  database: v.nullable(databaseFacts),
  files: v.nullable(
    v.object({
      include: v.array(v.string()),
      exclude: v.optional(v.array(v.string())),
      /** Files, folders and links, of both packs together. */
      count,
      /** What all the files hold, whatever of them is in this pack. */
      bytes: v.optional(count),
      /** Of a full pack: the checksum of the inventory on the host that the next backups are compared with. */
      inventory: v.optional(sum),
      /** What vanished, changed or was left out meanwhile. */
      noted: v.array(v.string()),
    }),
  ),
  /** What the app made by itself. */
  own: v.optional(
    v.object({
      command: v.string(),
      /** Relative to the root; '-': what it printed. */
      gives: v.string(),
      /** Files, folders and links in it; null where it is one stream. */
      count: v.nullable(count),
      noted: v.array(v.string()),
    }),
  ),
  /** Copies of its objects are shared by all backups in a store; the part is their index. */
  bucket: v.optional(
    v.object({
      from: v.string(),
      prefix: v.string(),
      objects: count,
      bytes: count,
      /** How many of them this backup had to copy. */
      copied: count,
      noted: v.array(v.string()),
    }),
  ),
  /** What became suddenly less than in the backup before. */
  shrunk: v.array(v.string()),
  tools: v.record(v.string(), v.string()),
  restore: v.string(),
});

export type Manifest = v.InferOutput<typeof schema>;
export type Part = Manifest['parts'][number];

export const manifestName = 'manifest.json';

/** What a part is called when it is decrypted. */
export function plainName({ name }: Pick<Part, 'name'>): string {
  return name.replace(/\.age$/, '');
}

/** `files.tar.zst`, also when it is stored as files.tar.zst.age. */
export function partOf({ parts }: Pick<Manifest, 'parts'>, name: string): Part | undefined {
  return parts.find(part => plainName(part) === name);
}

/** What all the files hold, also when the backup has only their changes. */
export function filesBytes(manifest: Pick<Manifest, 'parts' | 'files'>): number {
  return manifest.files?.bytes ?? partOf(manifest, 'files.tar.zst')?.rawBytes ?? 0;
}

/**
 * `20261121T030000Z-3f2c1a`: the host's time to the second, its milliseconds, and chance: of two in one second, which a
 * script can make, the later one comes later, and nothing has a name twice.
 */
export function backupId(now: Date): string {
  const milliseconds = now.getUTCMilliseconds().toString(16).padStart(3, '0');
  return `${stampOf(now)}-${milliseconds}${randomBytes(2).toString('hex').slice(1)}`;
}

/** To the second, as people read it and type it after --at. */
export function timeOf(id: string): Date {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(id) ?? [];
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts.map(Number);
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}

export function stampOf(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

export function isBackupId(text: string): boolean {
  return idForm.test(text);
}

/** What begins the key of everything that belongs to a target. */
export function prefixOf({ app, environment }: { app: string; environment: string }): string {
  return `${app}-${environment}/`;
}

/** The text that is stored: its last key is the checksum of all before it. */
export function renderManifest(manifest: Manifest): string {
  return `${JSON.stringify({ ...manifest, seal: sealOf(manifest) }, undefined, 2)}\n`;
}

/** Which shows any byte that is another one later; no signature. */
export function sealOf(content: object): string {
  return sha256(JSON.stringify(content));
}

/** @throws Failure 7 for a text that is not, to the byte, what was stored for this target and id. */
export function readManifest(text: string, at: { app: string; environment: string; id: string }): Manifest {
  const damaged = (why: string) => new Failure(7, `the manifest of ${at.id} is damaged: ${why}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(messageOf(error));
  }
  const parsed = v.safeParse(schema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw damaged(`${issue.path?.map(part => String(part.key)).join('.') ?? 'it'}: ${issue.message}`);
  }
  const manifest = parsed.output;
  if (renderManifest(manifest) !== text) throw damaged('it is not what was written');
  for (const key of ['app', 'environment', 'id'] as const)
    if (manifest[key] !== at[key]) throw damaged(`it is that of ${targetName(manifest)} ${manifest.id}`);
  return manifest;
}
