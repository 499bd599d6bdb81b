// Builds, once per recipe, the image of a droplet and the app images that stand for what a registry would have: a Node base and redis.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { alone, cache, ensureEngine, mirror, plugins, tell, tools, type Engine } from './engine.ts';
import { bash } from './program.ts';

/** Images of this machine: `droplet` runs systemd, `nodeBase` and `redis` are what apps are built from. */
export type Images = { droplet: string; nodeBase: string; redis: string };

/** What Dockerfiles of sample apps build FROM. */
export const nodeBase = 'bookops-node-base';
/** For root of a droplet, which has no node of its own: that of the base image will do. */
export const takeNode = `id=$(docker create ${nodeBase} x) && docker cp -qL $id:/usr/local/bin/node /usr/local/bin/node; docker rm $id`;

const packages = [
  ...'systemd systemd-sysv dbus openssh-server nginx-light docker.io cron sqlite3 curl rsync ca-certificates iptables'.split(
    ' ',
  ),
  ...'procps iproute2 git logrotate sudo openssl zstd age xz-utils busybox-static lsof redis-server'.split(' '),
  ...'libnginx-mod-http-js python3-cffi-backend certbot pebble caddy'.split(' '),
  ...'python3-minimal python3-venv python3-flask gunicorn alembic python3-sqlalchemy'.split(' '),
];

/** What a person does to a fresh server before it carries apps, run in the tree as root. */
const settle = `
useradd --create-home --shell /bin/bash --groups docker --password '*' deploy
useradd --system --no-create-home --home-dir /opt/bibliotheca --shell /usr/sbin/nologin --user-group bib
install -d -o bib -g bib -m 755 /opt/bibliotheca
install -d -o deploy -g deploy -m 755 /opt/arsvent-2025

# A regular expression: in sudo's globs a * matches spaces too, and would allow "restart bibliotheca ssh".
cat > /etc/sudoers.d/deploy <<'END'
deploy ALL=(root) NOPASSWD: /usr/bin/systemctl ^(start|stop|restart|reload|is-active|status|reset-failed) bibliotheca[a-zA-Z0-9@._-]*$
deploy ALL=(root) NOPASSWD: /usr/bin/systemctl reload nginx, /usr/sbin/nginx -t
deploy ALL=(root) NOPASSWD: /usr/bin/systemctl reload caddy
deploy ALL=(bib) NOPASSWD: ALL
END
chmod 440 /etc/sudoers.d/deploy
visudo -cq

rm -f /etc/ssh/ssh_host_*
cat > /etc/ssh/sshd_config.d/droplet.conf <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
HostKey /etc/ssh/ssh_host_ecdsa_key
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys/%u
UseDNS no
LogLevel VERBOSE
END
mkdir -p /etc/ssh/authorized_keys /etc/systemd/journald.conf.d /etc/docker
printf '[Journal]\\nStorage=volatile\\nRateLimitIntervalSec=0\\n' > /etc/systemd/journald.conf.d/droplet.conf

# The registry of the tests stands on this machine, without TLS.
echo '{ "insecure-registries": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] }' > /etc/docker/daemon.json
rm -f /etc/machine-id /var/lib/dbus/machine-id
touch /etc/machine-id

systemctl mask systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-logind.service getty.target \\
  console-getty.service redis-server.service caddy.service certbot.timer apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \\
  dpkg-db-backup.timer systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-timesyncd.service
`;

/** Debian's redis and its libraries, and an entrypoint as the official image has. */
const redisTree = `
gather /usr/bin/redis-server /usr/bin/redis-cli
mkdir -p "$out/data"`;

const nodeTree = `
for file in "$node" $(ldd "$node" | grep -oE '/[^ )]+' | grep -vx "$node"); do cp -L --parents "$file" "$out"; done
mkdir -p "$out/usr/local/bin" && ln -sf "$node" "$out/usr/local/bin/node"
gather /usr/bin/sqlite3`;

const common = `
rm -rf "$out" && mkdir -p "$out"/bin "$out"/tmp "$out"/etc "$out"/root "$out"/app
gather() { # programs of the tree with their libraries; what this machine already gave stays
  for file in "$@" $(chroot "$tree" ldd "$@" | grep -oE '/[^ ):]+' | sort -u); do
    [ -e "$out$file" ] || { mkdir -p "$out$(dirname "$file")" && cp -L "$tree$file" "$out$file"; }
  done
}
cp "$tree/bin/busybox" "$out/bin/busybox"
for applet in $(chroot "$tree" busybox --list); do [ "$applet" = busybox ] || ln -s busybox "$out/bin/$applet"; done
printf 'root:x:0:0::/root:/bin/sh\\nnode:x:1000:1000::/app:/bin/sh\\n' > "$out/etc/passwd"
printf 'root:x:0:\\nnode:x:1000:\\n' > "$out/etc/group"
chmod 1777 "$out/tmp"`;

// The recipe leaves out which node this is: tests on another version shall not build another server.
const node = realpathSync(process.execPath);
const recipe = [packages.join(' '), settle, redisTree, nodeTree, common].join('\n');
const hash = createHash('sha256').update(recipe).digest('hex').slice(0, 12);
const images: Images = {
  droplet: `bookops-droplet:${hash}`,
  nodeBase: `${nodeBase}:${hash}`,
  redis: `bookops-redis:${hash}`,
};

let built: Promise<Images> | undefined;

/** The images, built when the engine does not have those of this recipe: about two minutes the first time. */
export function ensureImages(): Promise<Images> {
  built ??= ensureEngine().then(engine => alone(() => build(engine)));
  return built;
}

async function build(engine: Engine): Promise<Images> {
  const present = await engine.tryDocker(['image', 'inspect', ...Object.values(images)]);
  if (present.code === 0) return images;
  const tree = join(cache, 'tree');
  const out = join(cache, 'out');
  tell('building the image of a server from Debian packages, about two minutes, once');
  const began = Date.now();
  rmSync(tree, { recursive: true, force: true });
  await bash(
    `debootstrap --variant=minbase --include=${packages.join(',')} bookworm '${tree}' '${await mirror()}' >'${cache}/debootstrap.log' 2>&1 ||
       { tail -n 5 '${cache}/debootstrap.log' >&2; exit 1; }`,
    { env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }, seconds: 900 },
  );
  const where = `out='${out}' tree='${tree}' node='${node}'; `;
  const asImage = (name: string, folder: string, changes: string[]) =>
    bash(
      `tar -C '${folder}' -c . | docker import ${changes.map(change => `-c '${change}'`).join(' ')} - ${name} >/dev/null`.replace(
        'docker',
        `'${join(tools, 'usr/bin/docker')}' --config '${engine.dockerConfig}'`,
      ),
    );
  await bash(where + common + nodeTree);
  await asImage(images.nodeBase, out, ['WORKDIR /app', 'ENV PATH=/usr/local/bin:/usr/bin:/bin']);
  await engine.docker(['tag', images.nodeBase, nodeBase]);
  await bash(where + common + redisTree);
  await asImage(images.redis, out, ['WORKDIR /data', 'EXPOSE 6379', 'CMD ["redis-server", "--protected-mode", "no"]']);
  rmSync(out, { recursive: true, force: true });

  const script = join(tree, 'settle.sh');
  await bash(
    `cat > '${script}' <<'SETTLE'\nset -eu\n${settle}\nSETTLE\nchroot '${tree}' bash /settle.sh >/dev/null 2>'${cache}/settle.log' || { cat '${cache}/settle.log' >&2; exit 1; }`,
    { seconds: 900 },
  );
  rmSync(script);
  mkdirSync(join(tree, 'usr/libexec/docker/cli-plugins'), { recursive: true });
  copyFileSync(join(plugins, 'docker-compose'), join(tree, 'usr/libexec/docker/cli-plugins/docker-compose'));
  copyFileSync(join(tools, 'usr/bin/docker'), join(tree, 'usr/local/bin/docker'));
  await bash(`rm -rf '${tree}'/var/cache/apt/archives/*.deb '${tree}'/var/lib/apt/lists/*_dists_*`);
  await asImage(images.droplet, tree, ['ENV container=docker', 'CMD ["/sbin/init"]']);
  rmSync(tree, { recursive: true, force: true });
  await removeOutdated(engine);
  tell(`the image is ready after ${Math.round((Date.now() - began) / 1000)} s`);
  return images;
}

async function removeOutdated(engine: Engine): Promise<void> {
  const all = (
    await engine.docker(['images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', 'reference=bookops-*:*'])
  ).split('\n');
  const current = [...Object.values(images), `${nodeBase}:latest`];
  const outdated = all.filter(name => /^bookops-(droplet|node-base|redis):/.test(name) && !current.includes(name));
  if (outdated.length) await engine.tryDocker(['rmi', ...outdated]);
}
