// A certificate authority on a droplet: Pebble from Debian, the DNS that it and everybody else asks, and a face as Let's Encrypt's staging directory.
import type { Droplet } from './droplet.ts';
import { until } from './program.ts';

export type Pebble = {
  /** For `acme:` in ops.yml. */
  directory: string;
  /** For --resolver. */
  resolver: string;
  /** Where a name leads from now on; nowhere when there are no addresses. */
  leads(domain: string, ...addresses: string[]): Promise<void>;
  /** How many requests it was asked so far. */
  requests(): Promise<number>;
  /** Whether anybody can connect. It goes on running, because it keeps its accounts in memory only. */
  reachable(yes: boolean): Promise<void>;
  /** From now on nginx answers in the name of Let's Encrypt's staging directory, with an order refused when `limit` says why. */
  asStaging(limit?: string): Promise<void>;
  /** A pair as an authority gave it out `age` days ago for `life` days, put where nginx reads it. */
  putOld(folder: string, domains: string[], age: number, life: number): Promise<void>;
};

const staging = 'acme-staging-v02.api.letsencrypt.org';

/** Makes the droplet trust it as a person would: its root goes to the server's own trust store. */
export async function startPebble(droplet: Droplet): Promise<Pebble> {
  const root = async (script: string) => {
    const said = await droplet.root(`set -euo pipefail\n${script}`);
    if (said.code !== 0) throw new Error(`pebble: ${said.stderr || said.stdout}`);
    return said.stdout.trim();
  };
  await droplet.write(
    '/opt/pebble/config.json',
    JSON.stringify({
      pebble: {
        listenAddress: '0.0.0.0:14000',
        managementListenAddress: '127.0.0.1:15000',
        certificate: '/opt/pebble/listen.pem',
        privateKey: '/opt/pebble/listen.key',
        httpPort: 80,
        tlsPort: 443,
        certificateValidityPeriod: 90 * 86_400 - 1,
      },
    }),
  );
  await root(`
    cd /opt/pebble
    ec() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "$@" 2>/dev/null; }
    ec -x509 -days 30 -subj '/O=Our own authority/CN=root' -keyout root.key -out root.pem
    ec -subj /CN=acme.test -keyout listen.key -out listen.csr
    openssl x509 -req -in listen.csr -CA root.pem -CAkey root.key -days 30 -out listen.pem \\
      -extfile <(echo 'subjectAltName=DNS:acme.test,DNS:${staging}') 2>/dev/null
    cp root.pem /usr/local/share/ca-certificates/ours.crt
    update-ca-certificates >/dev/null 2>&1
    echo '127.0.0.1 acme.test ${staging}' >> /etc/hosts
    systemd-run -q --unit=names pebble-challtestsrv -dns01 :8053 -management 127.0.0.1:8055 \\
      -defaultIPv4 '' -defaultIPv6 '' -http01 '' -https01 '' -tlsalpn01 ''`);
  await root(`systemd-run -q --unit=pebble -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 -E PEBBLE_AUTHZREUSE=0 \\
      pebble -config /opt/pebble/config.json -dnsserver 127.0.0.1:8053`);
  // asked on the other port, so that it does not count
  await until('Pebble answers', 30, async () =>
    (await droplet.root('curl -sk -o /dev/null https://127.0.0.1:15000/roots/0')).code === 0 ? true : undefined,
  );
  const tell = (what: string, words: object) =>
    root(
      `curl -sS --retry 20 --retry-connrefused --retry-delay 1 -d '${JSON.stringify(words)}' http://127.0.0.1:8055/${what}`,
    );

  return {
    directory: 'https://acme.test:14000/dir',
    resolver: `${droplet.ip}:8053`,
    async reachable(yes) {
      await root(`iptables ${yes ? '-D' : '-I'} INPUT -p tcp --dport 14000 -j REJECT --reject-with tcp-reset`);
    },
    async leads(domain, ...addresses) {
      await tell('clear-a', { host: `${domain}.` });
      if (addresses.length) await tell('add-a', { host: `${domain}.`, addresses });
    },
    async requests() {
      return Number(
        await root(`journalctl --sync; journalctl -q -o cat -u pebble | grep -c 'calling handler' || true`),
      );
    },
    async asStaging(limit) {
      const problem = JSON.stringify({ type: 'urn:ietf:params:acme:error:rateLimited', detail: limit, status: 429 });
      await droplet.write(
        '/etc/nginx/conf.d/staging.conf',
        `server {
          listen 443 ssl;
          server_name ${staging};
          ssl_certificate /opt/pebble/listen.pem;
          ssl_certificate_key /opt/pebble/listen.key;
          ${limit ? `location = /order-plz { types { } default_type application/problem+json; return 429 '${problem}'; }` : ''}
          location = /directory { proxy_pass https://127.0.0.1:14000/dir; proxy_set_header Host $host; }
          location / { proxy_pass https://127.0.0.1:14000; proxy_set_header Host $host; }
        }`,
      );
      await root('nginx -t 2>&1 && systemctl reload nginx');
    },
    async putOld(folder, domains, age, life) {
      const at = (days: number) => `$(date -u -d '${days} days' +%Y%m%d%H%M%SZ)`;
      await root(`
        cd /opt/pebble && rm -rf old && mkdir old && : > old/index && echo 01 > old/serial
        printf '[ca]\\ndefault_ca=a\\n[a]\\ndatabase=old/index\\nserial=old/serial\\nnew_certs_dir=old\\ndefault_md=sha256\\npolicy=p\\nunique_subject=no\\n[p]\\ncommonName=supplied\\n[e]\\nsubjectAltName=${domains.map(one => `DNS:${one}`).join(',')}\\n' > old/ca.conf
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${domains[0]} -keyout old/privkey.pem -out old/csr 2>/dev/null
        openssl ca -batch -notext -config old/ca.conf -extensions e -cert root.pem -keyfile root.key \\
          -startdate ${at(-age)} -enddate ${at(life - age)} -in old/csr -out old/fullchain.pem 2>/dev/null
        install -o deploy -m 644 old/fullchain.pem ${folder}/fullchain.pem
        install -o deploy -m 600 old/privkey.pem ${folder}/privkey.pem
        nginx -t 2>&1 && systemctl reload nginx
        print() { openssl x509 -noout -fingerprint; }
        for try in $(seq 100); do # the old workers answer for a moment more
          [ "$(openssl s_client -connect 127.0.0.1:443 -servername ${domains[0]} </dev/null 2>/dev/null | print)" != "$(print <old/fullchain.pem)" ] || break
          sleep 0.1
        done`);
    },
  };
}
