// The app of the visitors with Postgres beside it, both in containers, on a droplet: the server's image is made of this machine's packages.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeVisitors, type Visitors } from '../apps/visitors.ts';
import { install, missing } from '../../programs.ts';
import { startDroplet, type Droplet } from '../droplet/droplet.ts';
import { bash } from '../droplet/program.ts';
import { startRegistry, type Registry } from '../droplet/registry.ts';
import { hostLines, makeSite, type Site } from './site.ts';

export type PostgresSite = {
  droplet: Droplet;
  registry: Registry;
  app: Visitors;
  site: Site;
  root: string;
  /** Runs SQL in the app's database, or in another. */
  sql(text: string, database?: string): Promise<string>;
  /** What the migration of a release is. */
  migration(sha: string, text: string): Promise<void>;
};

const root = '/opt/visitors';
const port = 4300;
// the first user of a cluster may have no quotes in its name
const [user, name] = ['ana 50% b', `guests' "$HOME" %41`];

export async function postgresOnDroplet(word: string): Promise<PostgresSite> {
  await install(missing({ pg_createcluster: 'postgresql' }));
  const droplet = await startDroplet(word);
  const registry = await startRegistry();
  const folder = mkdtempSync(join(tmpdir(), 'bookops-postgres-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const app = await makeVisitors(folder);
  for (const sha of [app.good1, app.good2, app.good3])
    await registry.pushImage('visitors', sha, await app.contextFor(sha));
  await registry.pushImage('postgres', '15', await imageContext(join(folder, 'image')));
  const compose = join(folder, 'compose.yml');
  writeFileSync(compose, composeFile);
  const site = makeSite(
    `hosts:
  vps:
${hostLines(droplet)}
stores: { disk: { kind: path, folder: ./store } }
apps:
  visitors:
    host: vps
    runtime: compose
    compose:
      file: ${compose}
      service: web
      accessories: [db]
      registry: { server: '${registry.server}', username: ${registry.username}, password: { env: TOKEN } }
      variables: { IMAGE_REGISTRY: '${registry.server}', PORT: '${port}', MIGRATIONS: ${root}/migrations }
    database: { postgres: { service: db, user: ${JSON.stringify(user)}, name: ${JSON.stringify(name)} } }
    migrate: { service: migrate, command: 'exec psql -Xq -v ON_ERROR_STOP=1 -f "/migrations/$RELEASE.sql"' }
    backup: { stores: [disk] }
    health:
      deadline: 20s
      interval: 100ms
      version: { url: 'http://127.0.0.1:${port}/version.json', json: { commitSha: '{sha}' } }
    environments: { production: { root: ${root} } }
`,
    { TOKEN: registry.password },
  );
  const done = await droplet.root(`install -d -o deploy ${root} ${root}/migrations`);
  if (done.code !== 0) throw new Error(done.stderr);
  return {
    droplet,
    registry,
    app,
    site,
    root,
    migration: (sha, text) => droplet.write(`${root}/migrations/${sha}.sql`, text),
    async sql(text, database = name) {
      const words = [`PGUSER=${user}`, `PGDATABASE=${database}`].map(one => `-e '${one.replaceAll("'", `'\\''`)}'`);
      const said = await droplet.root(
        `docker exec -i ${words.join(' ')} visitors-production-db-1 psql -XAtq -v ON_ERROR_STOP=1 <<'END'\n${text}\nEND`,
      );
      if (said.code !== 0) throw new Error(said.stderr);
      return said.stdout.trim();
    },
  };
}

const composeFile = `services:
  web:
    image: \${IMAGE_REGISTRY}/visitors:\${IMAGE_TAG}
    restart: unless-stopped
    environment: { PORT: 4300, DATA: /tmp/data, WRITERS: many }
    ports: ['127.0.0.1:\${PORT}:4300']
  db:
    image: \${IMAGE_REGISTRY}/postgres:15
    restart: unless-stopped
    environment: { POSTGRES_USER: ${JSON.stringify(user)}, POSTGRES_DB: ${JSON.stringify(name.replaceAll('$', '$$$$'))} }
    healthcheck: { test: [CMD, pg_isready], interval: 4s, timeout: 3s, retries: 10 }
  migrate:
    image: \${IMAGE_REGISTRY}/postgres:15
    profiles: [tools]
    entrypoint: []
    environment:
      RELEASE: \${IMAGE_TAG}
      PGHOST: db
      PGUSER: ${JSON.stringify(user)}
      PGDATABASE: ${JSON.stringify(name.replaceAll('$', '$$$$'))}
    volumes: ['\${MIGRATIONS}:/migrations:ro']
`;

/** As the official image: a user without rights, its programs in the PATH, a database made at the first start. */
async function imageContext(folder: string): Promise<string> {
  const [version = ''] = readdirSync('/usr/lib/postgresql').toSorted((a, b) => Number(b) - Number(a));
  const programs = `/usr/lib/postgresql/${version}`;
  mkdirSync(join(folder, 'data/run'), { recursive: true });
  writeFileSync(join(folder, 'data/run/.keep'), '');
  await bash(`
    cd '${folder}' && mkdir tree
    tar -C / -c .${programs}/bin .${programs}/lib ./usr/share/postgresql/${version} ./usr/share/zoneinfo/Etc | tar -x -C tree
    rm -rf tree${programs}/lib/bitcode tree${programs}/lib/llvmjit*
    for file in $(ldd tree${programs}/bin/* tree${programs}/lib/*.so 2>/dev/null | grep -oE '/[^ ):]+' | grep -v '^/.*tree/' | sort -u); do
      [ -e "tree$file" ] || { mkdir -p "tree$(dirname "$file")" && cp -L "$file" "tree$file"; }
    done
    mkdir -p tree/etc
    printf 'root:x:0:0::/root:/bin/sh\\npostgres:x:999:999::/:/bin/sh\\n' >tree/etc/passwd
    printf 'root:x:0:\\npostgres:x:999:\\n' >tree/etc/group`);
  writeFileSync(
    join(folder, 'tree/entrypoint.sh'),
    `#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb -D "$PGDATA" -U "$POSTGRES_USER" -A trust -N >/dev/null
  echo 'host all all all trust' >>"$PGDATA/pg_hba.conf"
  printf '%s\\n' "CREATE DATABASE \\"$(printf %s "$POSTGRES_DB" | sed 's/"/""/g')\\"" | postgres --single -D "$PGDATA" postgres >/dev/null
fi
exec postgres -D "$PGDATA" -c 'listen_addresses=*'
`,
    { mode: 0o755 },
  );
  writeFileSync(
    join(folder, 'Dockerfile'),
    `FROM bookops-node-base
COPY tree /
COPY --chown=999:999 data /var/lib/postgresql
COPY --chown=999:999 data /var/run/postgresql
ENV PGDATA=/var/lib/postgresql/data PATH=${programs}/bin:/usr/local/bin:/usr/bin:/bin
USER postgres
ENTRYPOINT ["/entrypoint.sh"]
`,
  );
  return folder;
}
