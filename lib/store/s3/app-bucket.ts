// A bucket with an app's uploads: listed object by object, read with each object's metadata, and filled again.
import { Readable } from 'node:stream';
import type { BucketSource } from '../../target/backup-settings.ts';
import { Failure } from '../../errors.ts';
import { clientFor, type S3Around } from './client.ts';
import { isMissing, s3Failure } from './errors.ts';
import { partSize, upload, type Headers } from './upload.ts';

/** An object as its listing tells it; `key` is relative to what is backed up, and may be any text at all. */
export type ListedObject = { key: string; bytes: number; etag: string; modified: string };

export type AppBucket = {
  /** The name in ops.yml. */
  readonly name: string;
  /** Everything but what a restore has put aside. */
  list(): AsyncIterable<ListedObject>;
  /** undefined: it no longer exists. */
  read(key: string): Promise<{ body: Readable; bytes: number; headers: Headers } | undefined>;
  headersOf(key: string): Promise<Headers | undefined>;
  /** In the place of what is there. @throws the body's own error, and then nothing was put. */
  put(key: string, body: Readable, bytes: number, headers: Headers): Promise<void>;
  /** Keeps a copy of what is there under `aside`, without its bytes coming here. */
  putAside(key: string, stamp: string): Promise<void>;
  remove(key: string): Promise<void>;
  /** For people: where it was put aside. */
  asideOf(stamp: string): string;
};

const asideBegins = '.before-restore-';

export function s3Source({ from, prefix }: BucketSource, around: S3Around): AppBucket {
  const { name, bucket: Bucket } = from;
  const root = [from.prefix, prefix].filter(Boolean).map(part => `${part}/`).join(''); // prettier-ignore
  const use = clientFor(from, around);
  const at = (key: string) => ({ Bucket, Key: `${root}${key}` });
  const stopped = (error: unknown, what: string) =>
    around.signal.aborted ? around.signal.reason : s3Failure(error, `the bucket ${name} ${what}`, from);

  /** undefined: there is no such object. */
  const ask = async <T>(what: string, work: (opened: Awaited<ReturnType<typeof use>>) => Promise<T>) => {
    const opened = await use();
    try {
      return await work(opened);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw stopped(error, what);
    }
  };

  return {
    name,

    async *list() {
      const { s3, client } = await use();
      try {
        // asked for in letters that XML can carry: a key may have a line break in it
        const pages = s3.paginateListObjectsV2({ client }, { Bucket, Prefix: root, EncodingType: 'url' });
        for await (const { Contents = [], EncodingType } of pages)
          for (const { Key = '', Size = 0, ETag = '', LastModified } of Contents) {
            const whole = EncodingType === 'url' ? decode(Key) : Key;
            const key = whole.slice(root.length);
            if (!whole.startsWith(root) || key === '' || key.startsWith(asideBegins)) continue;
            yield { key, bytes: Size, etag: ETag, modified: LastModified?.toISOString() ?? '' };
          }
      } catch (error) {
        throw stopped(error, 'cannot be listed');
      }
    },

    read: key =>
      ask(`does not give ${JSON.stringify(key)}`, async ({ s3, client }) => {
        const found = await client.send(new s3.GetObjectCommand(at(key)));
        if (!(found.Body instanceof Readable)) throw new TypeError('the SDK gave no stream');
        return { body: found.Body, bytes: found.ContentLength ?? 0, headers: headersIn(found) };
      }),

    headersOf: key =>
      ask(`does not tell of ${JSON.stringify(key)}`, async ({ s3, client }) =>
        headersIn(await client.send(new s3.HeadObjectCommand(at(key)))),
      ),

    async put(key, body, bytes, headers) {
      let broken: unknown;
      body.once('error', error => (broken = error));
      try {
        await upload((await use()).client, at(key), body, partSize(bytes), headers);
      } catch (error) {
        throw broken ?? stopped(error, `cannot take ${JSON.stringify(key)}`);
      } finally {
        body.destroy();
      }
    },

    async putAside(key, stamp) {
      const { s3, client } = await use();
      const { Key } = at(`${asideBegins}${stamp}/${key}`);
      const CopySource = `${Bucket}/${root}${key}`.split('/').map(encodeURIComponent).join('/');
      try {
        await client.send(new s3.CopyObjectCommand({ Bucket, Key, CopySource }));
      } catch (error) {
        throw stopped(error, `cannot put ${JSON.stringify(key)} aside`);
      }
    },

    async remove(key) {
      await ask(`does not remove ${JSON.stringify(key)}`, ({ s3, client }) =>
        client.send(new s3.DeleteObjectCommand(at(key))),
      );
    },

    asideOf: stamp => `${Bucket}/${root}${asideBegins}${stamp}/`,
  };
}

/** @throws Failure 1 for a key that is not valid text: it could not be requested again. */
function decode(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    throw new Failure(1, `the bucket has a key that is not text: ${key}`, { advice: 'give that object another name' });
  }
}

function headersIn(found: Headers): Headers {
  const { ContentType, ContentEncoding, ContentDisposition, ContentLanguage, CacheControl, Metadata = {} } = found;
  return {
    ...(ContentType !== undefined && { ContentType }),
    ...(ContentEncoding !== undefined && { ContentEncoding }),
    ...(ContentDisposition !== undefined && { ContentDisposition }),
    ...(ContentLanguage !== undefined && { ContentLanguage }),
    ...(CacheControl !== undefined && { CacheControl }),
    ...(Object.keys(Metadata).length > 0 && { Metadata }),
  };
}
