// Explains the errors of an S3 store: which setting, which exit code, and never a secret.
import { taskCommand } from '../../target/command.ts';
import { type ExitCode, Failure, messageOf } from '../../errors.ts';
import { secretPlace } from '../../secret.ts';
import type { S3Settings } from './client.ts';

type Meaning = [exit: ExitCode, says: string, advice: string];

/** What has been seen of an error of the SDK: its name, the status, the socket's error. */
function wordsOf(error: unknown): { name: string; status: number | undefined; code: string | undefined } {
  if (!(error instanceof Error)) return { name: '', status: undefined, code: undefined };
  const metadata: unknown = '$metadata' in error ? error.$metadata : undefined;
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined;
  const code = 'code' in error ? error.code : error.cause instanceof Error && wordsOf(error.cause).code;
  return {
    name: error.name,
    status: typeof status === 'number' ? status : undefined,
    code: typeof code === 'string' ? code : undefined,
  };
}

export function isMissing(error: unknown): boolean {
  const { name, status } = wordsOf(error);
  return name === 'NoSuchKey' || name === 'NotFound' || (status === 404 && name !== 'NoSuchBucket');
}

/** An object of no bytes has no first byte either. */
export function isEmpty(error: unknown): boolean {
  return wordsOf(error).status === 416;
}

/** A Failure for `what` (`the store far cannot take a/b`); what is a Failure already stays as it is. */
export function s3Failure(error: unknown, what: string, settings: S3Settings): unknown {
  if (error instanceof Failure) return error;
  const { name, status, code } = wordsOf(error);
  const found = meaning({ name, status, code }, settings);
  const seen = [name, status, code].filter(word => word !== undefined && word !== '').join(' ');
  if (found) {
    const [exit, says, advice] = found;
    return new Failure(exit, `${what}: ${says}`, { advice, detail: seen });
  }
  if (status === undefined && code === undefined && name !== 'TimeoutError') return error;
  // A store's own words, which repeat keys and signatures only where those are wrong.
  return new Failure(1, `${what}: it answered ${seen}`, {
    advice: /part number/i.test(messageOf(error))
      ? 'it takes fewer parts of one object than others do: raise its limit (in Swift max_upload_part_num), or leave files out'
      : 'look at the state of the store, and try again later',
    detail: messageOf(error).slice(0, 500),
  });
}

function meaning(seen: ReturnType<typeof wordsOf>, settings: S3Settings): Meaning | undefined {
  const { name, status, code } = seen;
  const { bucket, region } = settings;
  const at = settings.endpoint ?? `the S3 of region ${region}`;
  const is = (...names: string[]) => names.includes(name);

  const places = `${secretPlace(settings.key)} and ${secretPlace(settings.secret)}`;

  if (is('NoSuchBucket', 'InvalidBucketName'))
    return [3, `${at} has no bucket ${bucket}`, 'make it there, or correct bucket in ops.yml'];
  if (is('InvalidStorageClass')) {
    const advice = 'take storage_class out of ops.yml, or name one that it has';
    return [3, `${at} has no storage class ${settings.storageClass ?? ''}`, advice];
  }
  if (is('SignatureDoesNotMatch', 'InvalidAccessKeyId', 'InvalidSecurity'))
    return [3, 'the key or its secret is wrong', `look at ${places}`];
  if (is('PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException') || status === 301)
    return [3, `the bucket ${bucket} is not in region ${region}`, 'correct region in ops.yml'];
  if (is('RequestTimeTooSkewed'))
    return [3, 'the clock of this machine is wrong', 'let it follow a time server, then try again'];
  // Before 403, which Ceph answers when a quota is used up.
  if (is('QuotaExceeded', 'InsufficientStorage', 'XMinioStorageFull', 'ServiceQuotaExceeded') || status === 507)
    return [1, 'it has no space left', `make room there: ${taskCommand('backups prune')} --plan`];
  if (status === 403) {
    const says = `the key has no right to do that in ${bucket}, or its secret is wrong`;
    return [3, says, `look at ${places}, and at the rights of that key`];
  }
  if (status === undefined && (code !== undefined || is('TimeoutError')))
    return [4, `${at} cannot be reached (${code ?? name})`, 'look at endpoint in ops.yml and at the network'];
  return undefined;
}
