// Uploads a stream of unknown length as one object, in parts: two buffers for all of it, and no part left when it fails.
import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { Failure } from '../../errors.ts';

type Place = { Bucket: string; Key: string };
/** What belongs to an object besides its bytes. */
export type Headers = Pick<
  PutObjectCommandInput,
  | 'ContentType'
  | 'ContentEncoding'
  | 'ContentDisposition'
  | 'ContentLanguage'
  | 'CacheControl'
  | 'Metadata'
  | 'StorageClass'
>;
const MiB = 1024 * 1024;
const mostParts = 10_000;
/** Swift takes no more of them, as it comes; all others take `mostParts`. */
const fewParts = 1000;

/** Classes for what is rarely read charge as much for anything smaller (S3 Standard-IA), and manifests are read often. */
const leastOfClass = 128 * 1024;

/**
 * All parts but the last have one size (R2 wants that). 8 MiB are enough for 7 GiB; larger ones only for what may become
 * larger, with some room for what grows meanwhile or is encrypted: up to 32 MiB so that Swift takes it too, then as large as needed.
 */
export function partSize(atMost = 0): number {
  const inParts = (count: number) => Math.ceil((atMost * 1.04) / count / MiB);
  return Math.max(8, Math.min(32, inParts(fewParts)), inParts(mostParts)) * MiB;
}

/**
 * Buffers of the usual size that no upload uses any more; larger ones go with theirs. Without them the next makes its own,
 * and V8 does not hurry to forget the old ones.
 */
const spare: Buffer[] = [];

function bufferOf(size: number): Buffer {
  return (size === partSize() ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(size);
}

/**
 * Measured against Upload of @aws-sdk/lib-storage, which joins small buffers into new ones: 24 MB less at the peak; and
 * Upload hides why it failed when the parts cannot be taken away then.
 */
export async function upload(
  client: S3Client,
  place: Place,
  body: AsyncIterable<Buffer>,
  size: number,
  headers: Headers = {},
): Promise<void> {
  const s3 = await import('@aws-sdk/client-s3');
  const parts: { PartNumber: number; ETag: string | undefined }[] = [];
  let UploadId: string | undefined;

  const send = async (PartNumber: number, Body: Buffer) => {
    const { ETag } = await client.send(new s3.UploadPartCommand({ ...place, UploadId, PartNumber, Body }));
    parts.push({ PartNumber, ETag });
  };
  // One is filled while the other is on its way.
  const slot = () => ({ buffer: bufferOf(size), sent: Promise.resolve() });
  let [filling, other] = [slot(), slot()];
  let filled = 0;
  let count = 0;

  try {
    for await (const piece of body)
      for (let from = 0; from < piece.length;) {
        if (filled === 0) await filling.sent;
        const copied = piece.copy(filling.buffer, filled, from);
        filled += copied;
        from += copied;
        if (filled < size) continue;
        if (++count > mostParts)
          throw new Failure(1, `${place.Key} is larger than ${mostParts} parts of ${size} bytes`);
        UploadId ??= (await client.send(new s3.CreateMultipartUploadCommand({ ...place, ...headers }))).UploadId;
        filling.sent = send(count, filling.buffer);
        filling.sent.catch(() => {}); // it shows when the buffer is needed again, or at the end
        [filling, other] = [other, filling];
        filled = 0;
      }
    const rest = filling.buffer.subarray(0, filled);
    if (UploadId === undefined) {
      const { StorageClass, ...others } = headers;
      const ofClass = StorageClass !== undefined && rest.length >= leastOfClass ? { StorageClass } : {};
      await client.send(new s3.PutObjectCommand({ ...place, ...others, ...ofClass, Body: rest }));
    } else {
      await Promise.all([filling.sent, other.sent]);
      if (filled > 0) await send(count + 1, rest);
      const Parts = parts.toSorted((one, next) => one.PartNumber - next.PartNumber);
      await client.send(new s3.CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts } }));
    }
    if (size === partSize()) spare.push(filling.buffer, other.buffer);
  } catch (error) {
    await Promise.allSettled([filling.sent, other.sent]);
    // What cannot be taken away now is swept later; why it failed matters more.
    if (UploadId !== undefined)
      await client.send(new s3.AbortMultipartUploadCommand({ ...place, UploadId })).catch(() => {});
    throw error;
  }
}
