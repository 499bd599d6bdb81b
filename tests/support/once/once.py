#!/usr/bin/python3
# A stand-in for the current ONCE: its commands, outputs, escapes and failures, on real containers, with a small proxy in place of its own.
import io, json, os, secrets, subprocess, sys, tarfile, time, urllib.request

BLUE, GREEN, RED, OFF = '\x1b[94m', '\x1b[32m', '\x1b[31m', '\x1b[m'
FAULTS = '/etc/once-faults'  # words: what goes wrong next
CALLS = '/var/log/once-calls'


def fault(word):
    try:
        return word in open(FAULTS).read().split()
    except FileNotFoundError:
        return False


class Failed(Exception):
    pass


def docker(*words, data=None, binary=False):
    done = subprocess.run(['docker', *words], input=data, capture_output=True)
    if done.returncode:
        raise Failed(done.stderr.decode(errors='replace').strip())
    return done.stdout if binary else done.stdout.decode().strip()


def try_docker(*words):
    try:
        return docker(*words)
    except Failed:
        return None


def apps():
    found = {}
    ids = docker('ps', '-aq', '--no-trunc').split()
    for one in json.loads(docker('inspect', *ids)) if ids else []:
        name = one['Name'].lstrip('/')
        label = (one['Config']['Labels'] or {}).get('once')
        if not name.startswith('once-app-') or not label:
            continue
        settings = json.loads(label)
        known = found.get(settings['name'])
        if not known or one['Created'] > known[1]['Created']:
            found[settings['name']] = (settings, one)
    return sorted(found.values(), key=lambda pair: pair[0]['host'])


def by_host(host):
    return next((pair for pair in apps() if pair[0]['host'] == host), None)


def need(host):
    found = by_host(host)
    if not found:
        raise Failed(f'no application found at host "{host}"')
    return found


PROXY = '''
const http = require('http'), fs = require('fs');
http.createServer((ask, say) => {
  let to; try { to = Object.values(JSON.parse(fs.readFileSync('/state/routes.json'))).find(one => one.host === ask.headers.host); } catch {}
  if (!to) { say.statusCode = 404; return say.end('no such host\\n'); }
  const on = http.request({ host: to.target, port: 80, path: ask.url, method: ask.method, headers: ask.headers }, got => {
    say.writeHead(got.statusCode, got.headers); got.pipe(say); });
  on.on('error', () => { say.statusCode = 502; say.end(); });
  ask.pipe(on);
}).listen(80);
'''


def setup():
    if try_docker('network', 'inspect', 'once') is None:
        docker('network', 'create', 'once')
    if try_docker('inspect', 'once-proxy') is None:
        docker('run', '-d', '--name', 'once-proxy', '--network', 'once', '-p', '80:80', '--restart', 'always', '--label',
               'once={"httpPort":80,"httpsPort":443,"metricsPort":1318}', '-v', 'once-proxy:/state', 'bookops-node-base', 'node', '-e', PROXY)
    elif docker('inspect', '-f', '{{.State.Running}}', 'once-proxy') != 'true':
        docker('start', 'once-proxy')


def routes(change):
    said = try_docker('exec', 'once-proxy', 'cat', '/state/routes.json') or '{}'
    table = json.loads(said)
    change(table)
    docker('exec', '-i', 'once-proxy', 'sh', '-c', 'cat >/state/routes.new && mv /state/routes.new /state/routes.json', data=json.dumps(table).encode())


def proxy_deploy(app, container, host):
    end = time.time() + float(os.environ.get('ONCE_STAND_IN_SECONDS', '6'))
    short = docker('inspect', '-f', '{{.Id}}', container)[:12]
    while time.time() < end:
        if try_docker('exec', 'once-proxy', 'wget', '-q', '-O', '/dev/null', f'http://{short}/up') is not None:
            return routes(lambda table: table.update({app: {'host': host, 'target': short}}))
        time.sleep(0.2)
    raise Failed('target not healthy')


def volume(app, settings=None):
    name = f'once-app-{app}'
    if try_docker('volume', 'inspect', name) is None:
        settings = settings or {'secretKeyBase': secrets.token_hex(32), 'vapidPublicKey': 'pub', 'vapidPrivateKey': 'priv'}
        docker('volume', 'create', '--label', 'once=' + json.dumps(settings, separators=(',', ':')), name)
    return name, json.loads(json.loads(docker('volume', 'inspect', name))[0]['Labels']['once'])


def environment(settings, kept):
    env = {'SECRET_KEY_BASE': kept['secretKeyBase'], 'VAPID_PUBLIC_KEY': kept['vapidPublicKey'], 'VAPID_PRIVATE_KEY': kept['vapidPrivateKey']}
    if settings['disableTLS']:
        env['DISABLE_SSL'] = 'true'
    return [word for key, value in {**env, **(settings['env'] or {})}.items() for word in ('-e', f'{key}={value}')]


def tell(message, **more):
    print(f'time=… level=INFO msg="{message}"', *(f'{key}={value}' for key, value in more.items()), file=sys.stderr, flush=True)


def pull(image):
    try:
        docker('pull', '-q', image)
    except Failed as error:
        raise Failed(f'deploy failed: pull failed: {error}')


def containers_of(app):
    names = docker('ps', '-a', '--format', '{{.Names}}').split()
    return [name for name in names if name.startswith('once-app-') and name[len('once-app-'):].rpartition('-')[0] == app]


def boot(settings, kept, vol):
    name = f'once-app-{settings["name"]}-{secrets.token_hex(3)}'
    label = json.dumps(settings, separators=(',', ':'))
    docker('run', '-d', '--name', name, '--network', 'once', '--restart', 'always', '--label', f'once={label}',
           '-v', f'{vol}:/storage', '-v', f'{vol}:/rails/storage', *environment(settings, kept), settings['image'])
    try:
        proxy_deploy(settings['name'], name, settings['host'])
    except Failed:
        docker('rm', '-f', name)
        print(f'time=… level=ERROR msg="Application failed to start" app={settings["name"]}', file=sys.stderr)
        raise Failed('deploy failed: application did not start')
    for old in containers_of(settings['name']):
        if old != name:
            docker('rm', '-f', old)


def deploy_app(settings):
    pull(settings['image'])
    vol, kept = volume(settings['name'])
    boot(settings, kept, vol)


def destroy(app, data):
    for name in containers_of(app):
        docker('rm', '-f', name)
    if data:
        docker('volume', 'rm', f'once-app-{app}')


def remove(app, data):
    if fault('remove'):
        raise Failed('removing application: removing from proxy: exec failed with exit code 1: Error: no answer')
    if app not in json.loads(try_docker('exec', 'once-proxy', 'cat', '/state/routes.json') or '{}'):
        raise Failed('removing application: removing from proxy: exec failed with exit code 1: Error: service not found')
    routes(lambda table: table.pop(app, None))
    destroy(app, data)


def name_of(image):
    return image.split('@')[0].rsplit('/', 1)[-1].split(':')[0]


def flags_of(words):
    given, rest = {}, []
    words = list(words)
    plain = {'disable-tls', 'auto-update', 'auto-backup', 'remove-data'}
    while words:
        word = words.pop(0)
        if not word.startswith('--'):
            rest.append(word)
            continue
        key, equals, value = word[2:].partition('=')
        if key in plain:
            given[key] = (value or 'true') == 'true'
        elif key == 'env':
            given.setdefault('env', []).append(value if equals else words.pop(0))
        elif key in ('host', 'image', 'smtp-server', 'smtp-password', 'backup-path', 'cpus', 'memory'):
            given[key] = value if equals else words.pop(0)
        else:
            raise Failed(f'unknown flag: --{key}')
    return given, rest


def changed(settings, given):
    more = dict(settings)
    for key, name in (('host', 'host'), ('image', 'image'), ('disable-tls', 'disableTLS'), ('auto-update', 'autoUpdate')):
        if key in given:
            more[name] = given[key]
    if 'env' in given:
        more['env'] = dict(one.split('=', 1) for one in given['env'])
    return more


def with_progress(label, work):
    try:
        work()
    except Failed:
        print(f'{label}: {RED}failed{OFF}')
        raise
    print(f'{label}: {GREEN}done{OFF}')


def cmd_deploy(words):
    given, (image,) = flags_of(words)
    setup()
    host = given.get('host') or name_of(image) + '.localhost'
    if by_host(host):
        raise Failed('hostname already in use')
    app = f'{name_of(image)}.{secrets.token_hex(3)}'
    blank = {'name': app, 'image': image, 'host': host, 'disableTLS': False, 'env': None, 'smtp': {}, 'resources': {}, 'autoUpdate': True, 'backup': {}}

    def work():
        try:
            deploy_app(changed(blank, given))
        except Failed:
            destroy(app, try_docker('volume', 'inspect', f'once-app-{app}') is not None)
            raise
        try:
            urllib.request.urlopen(f'http://{host}/up', timeout=30)
        except OSError as error:
            remove(app, True)
            raise Failed(f'verification failed: {error}')

    with_progress(f'Deploying {host}', work)


def cmd_update(words):
    given, (host,) = flags_of(words)
    settings, _ = need(host)
    setup()
    with_progress(f'Updating {host}', lambda: deploy_app(changed(settings, given)))


def cmd_remove(words):
    given, (host,) = flags_of(words)
    remove(need(host)[0]['name'], given.get('remove-data', False))
    print(f'Removed {host}')


def switch(words, verb, done):
    _, (host,) = flags_of(words)
    docker(verb, need(host)[1]['Name'].lstrip('/'))
    print(f'{done} {host}')


def entry(out, name, text):
    info = tarfile.TarInfo(name)
    info.size = len(text)
    out.addfile(info, io.BytesIO(text))


def cmd_backup(words):
    _, (host, path) = flags_of(words)
    settings, container = need(host)
    name = container['Name'].lstrip('/')
    path = os.path.abspath(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.umask(0o077)
    pauses = try_docker('exec', name, '/hooks/pre-backup') is None and container['State']['Running']
    try:
        with tarfile.open(path, 'w:gz') as out:
            entry(out, 'once.application.json', json.dumps(settings, separators=(',', ':')).encode())
            entry(out, 'once.volume.json', json.dumps(volume(settings['name'])[1]).encode())
            if pauses:
                tell('Pausing container to create backup', app=settings['name'])
                docker('pause', name)
            if fault('killed'):
                os.kill(os.getpid(), 9)
            try:
                with tarfile.open(fileobj=io.BytesIO(docker('cp', f'{name}:/storage', '-', binary=True))) as data:
                    for one in data:
                        source = data.extractfile(one) if one.isfile() else None
                        one.name = 'data' + one.name[len('storage'):]
                        out.addfile(one, source)
            finally:
                if pauses:
                    docker('unpause', name)
                    tell('Resumed container after creating backup', app=settings['name'])
    except Failed:
        os.remove(path)
        raise
    # a disk that is full while the last of it is written: no error is looked at
    if fault('cut'):
        os.truncate(path, os.path.getsize(path) * 2 // 3)
    tell('Created backup file', app=settings['name'], filename=path)
    print(f'Backed up {host} to {path}')


def cmd_restore(words):
    _, (path,) = flags_of(words)
    setup()
    with tarfile.open(path) as held:
        settings = json.load(held.extractfile('once.application.json'))
        kept = json.load(held.extractfile('once.volume.json'))
        if by_host(settings['host']):
            raise Failed('restoring application: hostname already in use')
        settings['name'] = f'{name_of(settings["image"])}.{secrets.token_hex(3)}'
        tell('Restoring application', app=settings['name'])
        pull(settings['image'])
        vol, kept = volume(settings['name'], kept)
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode='w') as data:
            for one in held:
                if one.name == 'data' or one.name.startswith('data/'):
                    data.addfile(one, held.extractfile(one) if one.isfile() else None)
    docker('run', '-d', '--name', 'once-restore-temp', '-v', f'{vol}:/data', '--entrypoint', 'sleep', settings['image'], '100000')
    docker('cp', '-', 'once-restore-temp:/', data=whole.getvalue())
    if fault('ended-early') and 'to-restore' in path:
        os.kill(os.getpid(), 9)
    docker('rm', '-f', 'once-restore-temp')
    try:
        if fault('ended-late') and 'to-restore' in path:
            docker('create', '--name', f'once-app-{settings["name"]}-{secrets.token_hex(3)}', '--label', 'once=' + json.dumps(settings, separators=(',', ':')),
                   '-v', f'{vol}:/storage', settings['image'])
            os.kill(os.getpid(), 9)
        if fault('restore') and 'to-restore' in path:
            raise Failed('restoring application: application did not start')
        boot(settings, kept, vol)
    except Failed:
        destroy(settings['name'], True)
        raise
    tell('Restored application', app=settings['name'])
    print(f'Restored {settings["name"]} from {path}')


def cmd_list(_):
    for settings, one in apps():
        url = f'http://{settings["host"]}'
        state = 'running' if one['State']['Status'] == 'running' else 'stopped'
        print(f'\x1b]8;;{url}\x07{BLUE}{settings["host"]}{OFF}\x1b]8;;\x07 ({state})')


HELP = '''Manage web applications from Docker images

Usage:
  once [flags]
  once [command]

Available Commands:
  background  Manage the background service
  backup      Backup an application to a file
  deploy      Deploy an application
  help        Help about any command
  list        List installed applications
  remove      Remove an application
  restore     Restore an application from a backup file
  self-update Update once to the latest version
  start       Start an application
  stop        Stop an application
  teardown    Remove all applications and the proxy
  update      Update settings for a deployed application
  version     Print the version

Flags:
  -h, --help               help for once
      --install string     Path to Docker image to install
  -n, --namespace string   namespace for containers (default "once")

Use "once [command] --help" for more information about a command.'''

commands = {
    'deploy': cmd_deploy, 'update': cmd_update, 'remove': cmd_remove, 'rm': cmd_remove, 'backup': cmd_backup,
    'restore': cmd_restore, 'list': cmd_list, 'ls': cmd_list, 'version': lambda _: print('v0.3.1'),
    'start': lambda words: switch(words, 'start', 'Started'), 'stop': lambda words: switch(words, 'stop', 'Stopped'),
}


def main():
    word, *words = sys.argv[1:] or ['']
    if word in ('--help', '-h', 'help'):
        return print(HELP)
    if word != 'version':
        with open(CALLS, 'a') as log:
            log.write(' '.join([word, *words]) + '\n')
    try:
        if word not in commands:
            raise Failed(f'unknown command "{word}" for "once"')
        commands[word](words)
    except Failed as error:
        sys.stdout.flush()
        print(f'Error: {error}', file=sys.stderr)
        sys.exit(1)


main()
