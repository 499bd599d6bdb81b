// The only place that creates an S3 client: with settings for stores other than Amazon's, and stopped when the task ends.
import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import type { StoreSettings } from '../../target/backup-settings.ts';
import { readSecret } from '../../secret.ts';

export type S3Settings = Extract<StoreSettings, { kind: 's3' }>;
/** `signal` ends an upload that is under way, and its parts are taken away. */
export type S3Around = { environment: NodeJS.ProcessEnv; signal: AbortSignal };

/** Gives the SDK and a client, made when they are used first. @throws Failure 3 when a secret is not where ops.yml says. */
export function clientFor(settings: S3Settings, around: S3Around): () => ReturnType<typeof openClient> {
  let opened: ReturnType<typeof openClient> | undefined;
  return () => (opened ??= openClient(settings, around));
}

async function openClient(settings: S3Settings, { environment, signal }: S3Around) {
  const [key, secret] = [await readSecret(settings.key, environment), await readSecret(settings.secret, environment)];
  const s3 = await import('@aws-sdk/client-s3');
  const { S3Client: Client } = s3;
  const client = new Client({
    region: settings.region,
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    forcePathStyle: settings.pathStyle,
    credentials: { accessKeyId: key.reveal(), secretAccessKey: secret.reveal() },
    // The SDK's own default sends trailers that Ceph answers with 411 and Swift with 501.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 4,
    // A socket that says nothing for a minute is lost; a slow one that keeps sending is not.
    requestHandler: { connectionTimeout: 10_000, socketTimeout: 60_000 },
  });
  endWith(client, signal);
  return { s3, client };
}

/** What goes out at once: TLS makes a second copy of it, and of a whole part that would be as much memory again. */
const pieceBytes = 64 * 1024;

/** What is under way ends with the signal, and only the removal of an unfinished upload may still begin. */
function endWith(client: S3Client, signal: AbortSignal): void {
  const handler = client.config.requestHandler;
  const handle = handler.handle.bind(handler);
  handler.handle = (request, options) => {
    const tidies = request.method === 'DELETE' && 'uploadId' in request.query;
    const body: unknown = request.body;
    // a copy for each try: what was read once cannot be sent again
    const sent =
      body instanceof Uint8Array && body.length > pieceBytes
        ? Object.assign(Object.create(Object.getPrototypeOf(request)), request, { body: inPieces(body) })
        : request;
    return handle(sent, tidies ? options : { ...options, abortSignal: signal });
  };
}

function inPieces(body: Uint8Array): Readable {
  function* pieces() {
    for (let at = 0; at < body.length; at += pieceBytes) yield body.subarray(at, at + pieceBytes);
  }
  return Readable.from(pieces(), { objectMode: false, highWaterMark: pieceBytes });
}
