// A real S3 server for tests: OpenStack Swift from Debian's packages, with signatures, multipart uploads and its own gaps.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client, CreateBucketCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import type { S3Settings } from '../../../lib/store/s3/client.ts';
import { freePort } from '../free-port.ts';

export type Swift = {
  port: number;
  endpoint: string;
  /** Variables with the right key and secret, for `{ env }` in ops.yml. */
  environment: { S3_KEY: string; S3_SECRET: string };
  /** Makes a bucket and says how a store reaches it. */
  bucket(name: string): Promise<S3Settings>;
  /** For what an app does with a bucket of its own. */
  client: S3Client;
  /** Keys of the multipart uploads that nobody finished. */
  unfinished(bucket: string): Promise<string[]>;
  stop(): Promise<void>;
};

/** `bind`: 127.0.0.1, or the gateway of the droplets' network, where they reach it too. */
export async function startSwift(bind = '127.0.0.1'): Promise<Swift> {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-swift-'));
  const ports: number[] = [];
  for (let count = 0; count < 5; count++) ports.push(await freePort());
  const [port = 0] = ports;
  // Debian's own python has the modules; another one may come first in the PATH.
  const program = spawn(
    '/usr/bin/python3',
    [join(import.meta.dirname, 'swift-servers.py'), folder, bind, ...ports.map(String)],
    {
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  );
  let said = '';
  program.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
  program.stdin.on('error', () => {});
  let ended = false;
  const end = new Promise<void>((done, fail) => {
    program.on('error', fail);
    program.on('close', () => ((ended = true), done()));
  });
  const endpoint = `http://${bind}:${port}`;
  const environment = { S3_KEY: 'test:tester', S3_SECRET: 'testing' };
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: environment.S3_KEY, secretAccessKey: environment.S3_SECRET },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 1,
  });
  const swift: Swift = {
    port,
    endpoint,
    environment,
    client,
    async bucket(name) {
      await client.send(new CreateBucketCommand({ Bucket: name }));
      const [key, secret] = [{ env: 'S3_KEY' }, { env: 'S3_SECRET' }];
      return {
        name: 'far',
        kind: 's3',
        bucket: name,
        endpoint,
        region: 'us-east-1',
        prefix: '',
        pathStyle: true,
        key,
        secret,
      };
    },
    async unfinished(bucket) {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return Uploads.map(({ Key = '' }) => Key);
    },
    async stop() {
      client.destroy();
      program.stdin.end();
      await end;
      rmSync(folder, { recursive: true, force: true });
    },
  };
  for (const limit = Date.now() + 60_000; ; await new Promise(next => setTimeout(next, 200))) {
    const trouble = await swift.bucket('ready').then(() => undefined, String);
    if (trouble === undefined) return swift;
    if (!ended && Date.now() < limit) continue;
    await swift.stop();
    throw new Error(
      `Swift did not start (apt-get install swift-proxy swift-account swift-container swift-object memcached)\n${trouble}\n${said}`,
    );
  }
}
