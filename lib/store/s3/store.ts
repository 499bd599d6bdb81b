// A store that is a bucket of any S3 service: multipart uploads, read back by size, never a part left behind.
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ListMultipartUploadsCommandOutput, StorageClass } from '@aws-sdk/client-s3';
import { Failure } from '../../errors.ts';
import { clientFor, type S3Around, type S3Settings } from './client.ts';
import { examineBucket } from './checks.ts';
import { isEmpty, isMissing, s3Failure } from './errors.ts';
import { partSize, upload } from './upload.ts';
import { verifyKey, type Store } from '../store.ts';

export function s3Store(settings: S3Settings, around: S3Around): Store {
  const { signal } = around;
  const { name, bucket: Bucket } = settings;
  const use = clientFor(settings, around);
  // the SDK's type has Amazon's classes only, and others have their own
  const headers = settings.storageClass === undefined ? {} : { StorageClass: settings.storageClass as StorageClass };
  const root = settings.prefix === '' ? '' : `${settings.prefix}/`;
  const at = (key: string) => {
    verifyKey(key);
    return { Bucket, Key: `${root}${key}` };
  };
  const stopped = (error: unknown, what: string) => (signal.aborted ? signal.reason : s3Failure(error, what, settings));

  /** Asked with a GET, because the refusal of a HEAD has no body that says what is wrong. */
  async function isTaken(key: string): Promise<boolean> {
    const { s3, client } = await use();
    try {
      const { Body } = await client.send(new s3.GetObjectCommand({ ...at(key), Range: 'bytes=0-0' }));
      if (Body instanceof Readable) Body.resume();
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      if (isEmpty(error)) return true;
      throw error;
    }
  }

  async function sizeOf(key: string): Promise<number | undefined> {
    const { s3, client } = await use();
    try {
      return (await client.send(new s3.HeadObjectCommand(at(key)))).ContentLength;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async function remove(key: string): Promise<void> {
    const object = at(key);
    const { s3, client } = await use();
    try {
      // One by one: the deletion of several at once needs a checksum that not every store takes.
      await client.send(new s3.DeleteObjectCommand(object));
    } catch (error) {
      if (!isMissing(error)) throw stopped(error, `${key} cannot be deleted from the store ${name}`);
    }
  }

  return {
    name,
    remove,
    free: async () => undefined,

    async put(key, body, atMost) {
      const what = `${key} cannot be written to the store ${name}`;
      let bytes = 0;
      const counted = new Transform({
        transform(piece: Buffer, _, done) {
          bytes += piece.length;
          done(null, piece);
        },
      });
      let broken: unknown;
      const flow = pipeline(body, counted, { signal }).catch((error: unknown) => (broken = error));
      try {
        signal.throwIfAborted();
        if (await isTaken(key))
          throw new Failure(1, `the store ${name} has ${key} already, and nothing is ever overwritten`);
        await upload((await use()).client, at(key), counted, partSize(atMost), headers);
        const kept = await sizeOf(key);
        if (kept === bytes) return { bytes };
        await remove(key);
        throw new Failure(1, `${what}: of ${bytes} bytes it says that it has ${kept ?? 'none'}`);
      } catch (error) {
        counted.destroy();
        await flow;
        // The body's own error, rather than that of the upload which it ended; the other way round the body just closes.
        if (!signal.aborted && (broken === error || (broken !== undefined && !isClosing(broken)))) throw broken;
        throw stopped(error, what);
      } finally {
        body.destroy();
      }
    },

    async get(key) {
      const object = at(key);
      const what = `${key} cannot be read from the store ${name}`;
      const { s3, client } = await use();
      const found = await client.send(new s3.GetObjectCommand(object)).catch((error: unknown) => {
        if (!isMissing(error)) throw stopped(error, what);
        throw new Failure(7, `the store ${name} has no ${key}`, { advice: `look into the bucket ${Bucket}` });
      });
      const { Body: body } = found;
      if (!(body instanceof Readable)) throw new TypeError('the SDK gave no stream');
      // a failure during the stream is reported like a refusal at the beginning
      const given = new PassThrough();
      body.once('error', error => {
        const told = stopped(error, what);
        given.destroy(told instanceof Error ? told : error);
      });
      given.once('close', () => body.destroy());
      return body.pipe(given);
    },

    async *list(prefix) {
      const { s3, client } = await use();
      try {
        const pages = s3.paginateListObjectsV2({ client }, { Bucket, Prefix: `${root}${prefix}` });
        for await (const { Contents = [] } of pages)
          for (const { Key = '', Size = 0 } of Contents) yield { key: Key.slice(root.length), bytes: Size };
      } catch (error) {
        throw stopped(error, `the store ${name} cannot be listed`);
      }
    },

    async sweep(prefix) {
      const { s3, client } = await use();
      let count = 0;
      try {
        let from: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
        while (from) {
          const page: ListMultipartUploadsCommandOutput = await client.send(
            new s3.ListMultipartUploadsCommand({ Bucket, Prefix: `${root}${prefix}`, ...from }),
          );
          for (const { Key, UploadId } of page.Uploads ?? []) {
            const end = new s3.AbortMultipartUploadCommand({ Bucket, Key, UploadId });
            const [ended] = await Promise.allSettled([client.send(end)]);
            if (ended.status === 'fulfilled') count++;
            else if (!isMissing(ended.reason)) throw ended.reason;
          }
          from = nextPage(page);
        }
      } catch (error) {
        throw stopped(error, `unfinished uploads cannot be aborted in the store ${name}`);
      }
      return count;
    },

    async examine(prefix) {
      const { client } = await use();
      try {
        return await examineBucket(client, Bucket, `${root}${prefix}`);
      } catch (error) {
        throw stopped(error, `unfinished uploads cannot be listed in the store ${name}`);
      }
    },
  };
}

/** What Node's streams say when the other side was ended first. */
function isClosing(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && /^(ERR_STREAM_PREMATURE_CLOSE|ABORT_ERR)$/.test(String(error.code))
  );
}

function nextPage(page: ListMultipartUploadsCommandOutput) {
  const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
  if (!IsTruncated || KeyMarker === undefined) return undefined;
  return UploadIdMarker === undefined ? { KeyMarker } : { KeyMarker, UploadIdMarker };
}
