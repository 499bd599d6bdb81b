// What a compose file fixes and somebody else on the host has: told with its line; what is shared on purpose is let be.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sourceOf } from '../../../../lib/yaml/problems.ts';
import type { Target } from '../../../../lib/target/target.ts';
import { readYaml } from '../../../../lib/yaml/yaml.ts';
import { clashesOf } from '../../../../lib/runtime/compose/conflicts.ts';
import { readDocker } from '../../../../lib/runtime/compose/docker-state.ts';
import { readModel } from '../../../../lib/runtime/compose/model.ts';
import { differences } from '../../../../lib/runtime/compose/foreign-release.ts';
import { compose, sample } from '../../../support/target/targets.ts';

const place = (environment: string, more: Partial<Target> = {}) =>
  sample(
    { environment, runtime: { ...compose, project: `book-${environment}`, accessories: [] }, ...more },
    `/srv/book/${environment}`,
  );
const staging = place('staging');
const production = place('production', {
  instances: { ports: { first: 1, last: 9 }, domain: 'x', env: {}, data: 'empty' } as never,
});

type Row = { name?: string; project?: string; state?: string; ports?: Record<string, [string, string][]>; mounts?: [string, string, boolean?][]; service?: string; image?: string; env?: string[]; command?: string[] }; // prettier-ignore
const row = ({ name = 'x', project = '', state = 'running', ports = {}, mounts = [], service = '', image = '', env = [], command = [] }: Row) =>
  JSON.stringify({
    id: name.padEnd(64, '0'), name: `/${name}`, state, image, imageId: 'sha256:1',
    ports: Object.fromEntries(Object.entries(ports).map(([target, all]) => [target, all.map(([HostIp, HostPort]) => ({ HostIp, HostPort }))])),
    mounts: mounts.map(([from, to, rw = true]) => from.startsWith('/') ? { Type: 'bind', Source: from, Destination: to, RW: rw } : { Type: 'volume', Name: from, Source: `/var/lib/docker/volumes/${from}/_data`, Destination: to, RW: rw }),
    project, service, once: 'False', files: null, folder: null, environmentFiles: null, environment: env, command,
  }); // prettier-ignore
const dockerOf = (rows: Row[], volumes = '', networks = '', images = '') =>
  readDocker(new Map(Object.entries({ own: rows.map(row).join('\n'), volumes, networks, images })));

/** `3:5: path: text` for each problem. */
function told(
  file: string,
  model: object,
  rows: Row[],
  more: { volumes?: string; networks?: string; target?: Target; other?: object } = {},
): string[] {
  const target = more.target ?? staging;
  const { tree } = readYaml(file);
  const { problems, warnings } = clashesOf({
    target,
    project: `book-staging${more.other ? '-green' : ''}`,
    model: readModel(JSON.stringify(model)),
    otherColour: more.other && readModel(JSON.stringify(more.other)),
    tree,
    host: dockerOf(rows, more.volumes, more.networks),
    targets: [staging, production],
  });
  const { place: at } = sourceOf('c.yml', file);
  return [...problems.map(one => `${at(one.at)} ${one.text}`), ...warnings.map(text => `warning ${text}`)];
}
const service = (more: object) => ({ services: { app: { image: 'book', ...more } } });
const port = (published: string, ip = '', protocol = 'tcp') => ({
  mode: 'ingress',
  host_ip: ip,
  target: 80,
  published,
  protocol,
});

test('a volume or network that another project has is refused with its line; interpolated, external and unused ones are not', () => {
  const file = 'services: {}\nvolumes:\n  data: { name: book-data }\nnetworks:\n  default:\n    name: book\n';
  const model = {
    ...service({ volumes: [{ type: 'volume', source: 'data', target: '/data' }] }),
    volumes: { data: { name: 'book-data' } },
    networks: { default: { name: 'book', ipam: {} } },
  };
  const theirs = [{ name: 'p', project: 'book-production' }];
  const [volume, network, ...none] = told(file, model, theirs, { volumes: 'book-data book-production', networks: 'book book-production' }); // prettier-ignore
  assert.match(volume ?? '', /^c.yml:3:17 the volume book-data is that of book production .*COMPOSE_PROJECT_NAME/);
  assert.match(network ?? '', /^c.yml:6:11 the network book is that of book production/);
  assert.equal(none, []);
  // its own project, both colours of it, and nobody
  for (const project of ['book-staging', 'book-staging-blue', 'book-staging-green'])
    assert.equal(told(file, model, [], { volumes: `book-data ${project}`, networks: `book ${project}` }), []);
  assert.equal(told(file, model, []), []);
  // an instance of production, a project that ops.yml does not know, containers without a project
  assert.match(told(file, model, [], { volumes: 'book-data book-production-pr-1' })[0] ?? '', 'the instance pr-1 of book production'); // prettier-ignore
  assert.match(
    told(file, model, [{ project: 'blog' }], { volumes: 'book-data blog' })[0] ?? '',
    'the Compose project blog',
  );
  assert.match(told(file, model, [{ name: 'tool', mounts: [['book-data', '/x']] }], { volumes: 'book-data ' })[0] ?? '', 'the container tool of no Compose project'); // prettier-ignore
  // of a project that is gone it is taken, and said
  assert.match(told(file, model, [], { volumes: 'book-data gone' })[0] ?? '', /^warning the volume book-data was made for the project gone/); // prettier-ignore
  assert.match(told(file, model, [], { networks: 'book ' })[0] ?? '', 'external: true');

  const shared = { ...model, volumes: { data: { name: 'book-data', external: true } }, networks: { default: { name: 'book', external: true } } }; // prettier-ignore
  const more = { volumes: 'book-data blog', networks: 'book blog' };
  assert.equal(told(file, shared, [{ project: 'blog', mounts: [['book-data', '/x']] }], more), []);
  const users = [{ project: 'book-production', mounts: [['book-data', '/x']] as [string, string][] }];
  assert.match(told(file, shared, users, more)[0] ?? '', 'this would write into it');
  const readOnly = { ...shared, ...service({ volumes: [{ type: 'volume', source: 'data', target: '/data', read_only: true }] }) }; // prettier-ignore
  assert.equal(told(file, readOnly, users, more), []);
});

test('a port is taken by address and protocol, by what runs and by what another environment will start', () => {
  const file = "services:\n  app:\n    ports:\n      - '127.0.0.1:${PORT}:80'\n      - '9000-9002:90-92'\n      - { target: 1, published: 7000 }\n"; // prettier-ignore
  const has = (ip: string, at: string, more: Row = {}) => [{ name: 'web', project: 'blog', ports: { '80/tcp': [[ip, at]] as [string, string][] }, ...more }]; // prettier-ignore
  const asked = (ports: object[], rows: Row[]) => told(file, service({ ports }), rows).map(text => text.replace(' the port', '').split(' is ')[0]); // prettier-ignore
  assert.equal(asked([port('4100', '127.0.0.1')], has('127.0.0.1', '4100')), ['c.yml:4:9 127.0.0.1:4100']);
  assert.equal(asked([port('9001')], has('127.0.0.1', '9001')), ['c.yml:5:9 9001']);
  assert.equal(asked([port('7000', '::1')], has('', '7000')), ['c.yml:6:9 [::1]:7000']);
  assert.equal(asked([port('9001', '10.0.0.1')], has('0.0.0.0', '9001')), ['c.yml:5:9 10.0.0.1:9001']);
  assert.equal(asked([port('9001', '10.0.0.1')], has('10.0.0.2', '9001')), []);
  assert.equal(asked([port('9001', '::')], has('0.0.0.0', '9001')), []);
  assert.equal(asked([port('9001', '', 'udp')], has('', '9001')), []);
  assert.equal(asked([port('9001')], has('', '9001', { state: 'exited' })), []);
  assert.equal(asked([port('9001')], has('', '9001', { state: 'exited', project: 'book-production' })).length, 1);
  assert.equal(asked([port('9001')], has('', '9001', { project: 'book-staging' })), []);
  assert.equal(asked([port('9001')], has('', '9001', { project: '' })).length, 1);
  // of a range, Docker takes a port that is free
  assert.equal(asked([port('9000-9002')], has('', '9001')), []);
  assert.equal(asked([port('9001-9001')], has('', '9001')).length, 1);
});

test('names of containers, folders of another environment and what joins its containers are refused; what is read or of the system is not', () => {
  const file = 'services:\n  app:\n    container_name: book\n    volumes:\n      - /srv/book/production/data:/data\n    network_mode: container:prod\n'; // prettier-ignore
  const bind = (source: string, more: object = {}) =>
    service({ volumes: [{ type: 'bind', source, target: '/data', ...more }] });
  const named = service({ container_name: 'book' });
  assert.match(told(file, named, [{ name: 'book' }])[0] ?? '', /^c.yml:3:21 book is the container book of no Compose/);
  assert.equal(told(file, named, [{ name: 'book', project: 'book-staging' }]), []);
  assert.match(told(file, bind('/srv/book/production/data'), [])[0] ?? '', /^c.yml:5:9 .*book production \(root/);
  assert.equal(told(file, bind('/srv/book/production/data', { read_only: true }), []), []);
  assert.equal(told(file, bind('/srv/book/staging/data'), []), []);
  assert.equal(told(file, bind('/srv/books'), []), []);
  const theirs = (from: string, rw = true) => [{ name: 'p', project: 'book-production', mounts: [[from, '/x', rw]] as [string, string, boolean][] }]; // prettier-ignore
  assert.match(
    told(file, bind('/srv/pictures'), theirs('/srv/pictures'))[0] ?? '',
    'the container p of book production',
  );
  assert.match(told(file, bind('/srv/pictures/new'), theirs('/srv/pictures', false))[0] ?? '', 'would write into it');
  assert.match(told(file, bind('/srv'), theirs('/srv/pictures'))[0] ?? '', 'would write into it');
  assert.equal(told(file, bind('/srv/pictures-new'), theirs('/srv/pictures')), []);
  for (const path of ['/var/run/docker.sock', '/etc/localtime', '/dev/dri'])
    assert.equal(told(file, bind(path), theirs(path)), [], path);
  const joins = service({ network_mode: 'container:prod' });
  assert.match(told(file, joins, [{ name: 'prod', project: 'book-production' }])[0] ?? '', /^c.yml:6:19 prod is/);
  assert.equal(told(file, joins, [{ name: 'prod', project: 'vpn' }]), []);
  assert.equal(told(file, service({ network_mode: 'host' }), []), []);
  const from = (mode: string) => service({ volumes_from: [`container:prod${mode}`] });
  assert.equal(told(file, from(''), [{ name: 'prod', project: 'book-production' }]).length, 1);
  assert.equal(told(file, from(':ro'), [{ name: 'prod', project: 'book-production' }]).length, 0);
});

test('two colours cannot have one name or one port', () => {
  const file = 'services:\n  app:\n    container_name: book\n    ports: [4000:80]\n';
  const model = service({ container_name: 'book', ports: [port('4000')] });
  const both = told(file, model, [], { other: model });
  assert.equal(
    both.map(text => text.slice(0, 10)),
    ['c.yml:3:21', 'c.yml:4:13'],
  );
  assert.match(both.join('\n'), 'blue-green');
  const other = service({ container_name: 'book-blue', ports: [port('4001')] });
  assert.equal(told(file, model, [{ name: 'book-blue', project: 'book-staging-blue' }], { other }), []);
});

test('what another tool deployed is described by a file only when image, variables, ports, volumes and command are the same', () => {
  const described = {
    services: {
      app: {
        image: 'book:1',
        environment: { A: 'a$$b', FROM_SHELL: null },
        command: ['serve', '$$HOME'],
        ports: [port('4100', '127.0.0.1')],
        volumes: [{ type: 'volume', source: 'data', target: '/data/' }, { type: 'bind', source: '/srv/x/', target: '/x', read_only: true }],
      },
    },
    volumes: { data: { name: 'book_data' } },
  }; // prettier-ignore
  const runs: Row = { name: 'book-app-1', project: 'book', service: 'app', image: 'book:1', env: ['A=a$b', 'PATH=/bin'], command: ['serve', '$HOME'], ports: { '80/tcp': [['127.0.0.1', '4100']] }, mounts: [['book_data', '/data'], ['/srv/x', '/x', false], ['0'.repeat(64), '/tmp']] }; // prettier-ignore
  const differ = (more: Row, model: object = described) => {
    const docker = dockerOf([{ ...runs, ...more }], '', '', '["sha256:1",["PATH=/bin"]]');
    return differences(readModel(JSON.stringify(model)), docker.containers, docker.imageEnvironments);
  };
  assert.equal(differ({}), []);
  assert.equal(differ({ image: 'book:2' }).length, 1);
  assert.equal(differ({ env: ['A=secret', 'PATH=/bin'] }), ['app: the variable A']);
  assert.equal(differ({ env: ['A=a$b', 'PATH=/bin', 'B=1'] }), ['app: the variable B']);
  assert.equal(differ({ ports: {} }), ['app: ports']);
  assert.equal(
    differ({
      mounts: [
        ['other_data', '/data'],
        ['/srv/x', '/x', false],
      ],
    }),
    ['app: the volume at /data/'],
  );
  assert.equal(
    differ({
      mounts: [
        ['book_data', '/data'],
        ['/srv/x', '/x', true],
      ],
    }),
    ['app: the volume at /x'],
  );
  assert.equal(differ({ command: ['serve'] }), ['app: command']);
  assert.equal(differ({ service: 'web' }), ['web: the file has no such service']);
});
test.run();
