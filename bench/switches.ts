// Counts what visitors lose while an app is replaced: bookops with hold and blue-green, scaling up and removing, and a plain up -d.
import { startLoad } from '../tests/support/droplet/load.ts';
import { type Report } from '../tests/support/droplet/load-report.ts';
import { blueGreenOnDroplet } from '../tests/support/sites/blue-green.ts';
import { ended } from '../tests/support/sites/look.ts';
import { visitorsDomain, type VisitorsSite } from '../tests/support/sites/visitors.ts';
import { median, seconds, timed, type Figure } from './figures.ts';

const rounds = 3;

export const about = `one app replaced ${rounds} times each way under 200 requests/s with keep-alive, 5-second answers, uploads and websockets, all through nginx and TLS on the same droplet with Docker; 300 ms to start`;

type Way = { name: string; domain: string; change(sha: string): Promise<unknown> };

export async function measure(say: (line: string) => void): Promise<Figure[]> {
  const all = await blueGreenOnDroplet('bench-switches', 'compose');
  const { droplet, site, app } = all;
  const shas = [app.good1, app.good2, app.good3];
  const deploy = async (sha: string) => ended(await site.task('deploy', '--env', 'production', '--sha', sha), 0);
  const ours = (name: string): Way => ({ name: `bookops, ${name}`, domain: visitorsDomain, change: deploy });
  for (const sha of shas) {
    await deploy(sha);
    await root(all, `docker tag $(docker images -q '*/visitors:${sha}') bench/visitors:${sha}`);
  }

  const blueGreen = await figuresOf(all, ours('blue-green'), say);
  site.rewrite(text => text.replace('switch: blue-green', 'switch: hold'));
  await deploy(app.good2);
  const hold = await figuresOf(all, ours('hold'), say);
  await root(all, `export TAG=${app.good3}\n${peers}`);
  const rollout = await figuresOf(
    all,
    peer(all, 'rollout', 'scale to two, wait until healthy, remove the old one'),
    say,
  );
  const plain = await figuresOf(all, peer(all, 'plain', 'docker compose up -d'), say);
  await droplet.remove();
  return [blueGreen, hold, rollout, plain];
}

async function figuresOf(all: VisitorsSite, way: Way, say: (line: string) => void): Promise<Figure> {
  const { app, droplet } = all;
  const load = startLoad({ origin: `https://${droplet.ip}`, domain: way.domain });
  await pause(1500);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const sha = [app.good1, app.good2, app.good3][round % 3] ?? app.good1;
    times.push(await timed(() => way.change(sha)));
    // what a change did to visitors may show a moment after it
    await pause(3000);
    say(`${way.name}: ${seconds(times.at(-1) ?? 0)}, ${failed(load.lap())}`);
  }
  const report = await load.stop();
  const mine = way.name.startsWith('bookops');
  return {
    what: way.name,
    value: `${report.failures} failed`,
    ...(mine ? { limit: '0 failed', good: report.failures === 0 } : {}),
    against: `${failed(report)}; longest ${seconds(longest(report))}; one change took ${seconds(median(times))}`,
  };
}

/** What went wrong, by kind and cause. */
function failed({ requests, sockets }: Report): string {
  const kinds = [...Object.entries(requests), ['websocket', { asked: sockets.opened, ...sockets }] as const];
  const asked = Object.values(requests).reduce((sum, one) => sum + one.asked, 0);
  const causes = kinds.flatMap(([kind, { failures }]) =>
    Object.entries(failures).map(([cause, count]) => `${kind} ${cause}: ${count}`),
  );
  return `of ${asked} requests: ${causes.join(', ') || 'none'}`;
}

function longest({ requests: { plain, upload } }: Report): number {
  return Math.max(plain.longest, upload.longest);
}

/** A change by hand on the server, as root, with the image there already. */
function peer(all: VisitorsSite, name: 'rollout' | 'plain', told: string): Way {
  return {
    name: told,
    domain: `${name}.test`,
    change: sha => root(all, `cd /opt/${name}; export TAG=${sha}\n${changes[name]}`),
  };
}

const changes = {
  plain: 'docker compose up -d',
  // the steps of docker-rollout, without its looking around
  rollout: `old=$(docker compose ps -q web)
    docker compose up -d --scale web=2 --no-recreate web
    new=$(docker compose ps -q web | grep -vF "$old")
    until [ "$(docker inspect -f '{{.State.Health.Status}}' $new)" = healthy ]; do sleep 0.2; done
    docker stop $old; docker rm $old`,
};

/** The app twice more: behind a fixed port, and behind a proxy that looks which containers run, as docker-gen does. */
const peers = `
  for name in plain rollout; do
    mkdir -p /opt/$name
    cat >/opt/$name/compose.yml <<'END'
services:
  web:
    image: bench/visitors:\${TAG}
    environment: { PORT: 4200, DATA: /tmp/data, WRITERS: many, START_DELAY_MS: 300 }
    stop_grace_period: 20s
    healthcheck:
      test: [CMD, node, -e, 'fetch("http://127.0.0.1:4200/readyz").then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))']
      interval: 1s
END
    cat >/etc/nginx/sites-enabled/$name.conf <<END
map \\$http_upgrade \\$connection_$name { default upgrade; '' close; }
include /opt/$name/upstream.conf;
server {
  listen 443 ssl;
  server_name $name.test;
  ssl_certificate /opt/visitors/proxy/certificate/fullchain.pem;
  ssl_certificate_key /opt/visitors/proxy/certificate/privkey.pem;
  client_max_body_size 10m;
  location / {
    proxy_http_version 1.1;
    proxy_set_header Host \\$host;
    proxy_set_header Upgrade \\$http_upgrade;
    proxy_set_header Connection \\$connection_$name;
    proxy_pass http://$name;
  }
}
END
  done
  printf '    ports: ["127.0.0.1:4300:4200"]\\n' >>/opt/plain/compose.yml
  echo 'upstream plain { server 127.0.0.1:4300; }' >/opt/plain/upstream.conf
  cat >/opt/rollout/look.sh <<'END'
write() {
  servers=$(docker ps -q --filter label=com.docker.compose.project=rollout | xargs -r docker inspect -f '{{range .NetworkSettings.Networks}}server {{.IPAddress}}:4200; {{end}}')
  echo "upstream rollout { $servers }" >/opt/rollout/upstream.conf
  nginx -t -q && nginx -s reload
}
write
docker events --filter label=com.docker.compose.project=rollout --filter event=start --filter event=die --format x | while read -r _; do write; done
END
  for name in plain rollout; do docker compose --project-directory /opt/$name up -d --wait; done
  setsid bash /opt/rollout/look.sh >/dev/null 2>&1 </dev/null &
  sleep 2`;

async function root({ droplet }: VisitorsSite, script: string): Promise<void> {
  const said = await droplet.root(`set -e\n${script}`);
  if (said.code !== 0) throw new Error(said.stderr || said.stdout);
}

const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));
