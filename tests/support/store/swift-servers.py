# Starts OpenStack Swift (account, container, object and proxy server, memcached) in the folder given as the first argument,
# and ends all of it when its standard input ends, also when the test that wrote there was killed.
import os
import pwd
import signal
import socket
import subprocess
import sys
import time

folder, bind, ports = sys.argv[1], sys.argv[2], dict(zip(("proxy", "account", "container", "object", "cache"), sys.argv[3:]))

from swift.common import utils

utils.SWIFT_CONF_FILE = os.path.join(folder, "swift.conf")
with open(utils.SWIFT_CONF_FILE, "w") as file:
    file.write("[swift-hash]\nswift_hash_path_suffix = s\nswift_hash_path_prefix = p\n"
               "[storage-policy:0]\nname = gold\ndefault = yes\n")
utils.clean_up_daemon_hygiene = lambda: None

from swift.common import wsgi
from swift.common.ring import RingBuilder
from swift.obj import server as object_server

wsgi.clean_up_daemon_hygiene = lambda: None  # it would leave the process group of the test

common = f"user = {pwd.getpwuid(os.getuid()).pw_name}\nswift_dir = {folder}\nworkers = 0\nlog_level = ERROR\n"
slow = "conn_timeout = 20\nnode_timeout = 60\n"  # a busy machine must not lose an update of a listing


def write(name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def wait_for(port):
    for _ in range(600):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)


configurations = {}
for kind in ("account", "container", "object"):
    configurations[kind] = write(f"{kind}.conf", f"""[DEFAULT]
{common}bind_ip = 127.0.0.1
bind_port = {ports[kind]}
devices = {folder}/srv
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
container_update_timeout = 60
{slow}[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
container_update_timeout = 60
{slow}""")
    builder = RingBuilder(4, 1, 1)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(ports[kind]), "device": "d1", "weight": 1.0,
                     "replication_ip": "127.0.0.1", "replication_port": int(ports[kind])})
    builder.rebalance()
    builder.get_ring().save(os.path.join(folder, f"{kind}.ring.gz"))

configurations["proxy"] = write("proxy.conf", f"""[DEFAULT]
{common}bind_ip = {bind}
bind_port = {ports['proxy']}
[pipeline:main]
pipeline = catch_errors cache bulk s3api tempauth slo dlo symlink versioned_writes proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
recoverable_node_timeout = 60
error_suppression_interval = 0
{slow}[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_reader = reading
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
min_segment_size = 5242880
max_bucket_listing = 20
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{ports['cache']}
[filter:slo]
use = egg:swift#slo
rate_limit_after_segment = 1000
""" + "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n"
              for name in ("catch_errors", "bulk", "dlo", "symlink", "versioned_writes")))

os.makedirs(os.path.join(folder, "srv/d1"))
user = ["-u", pwd.getpwuid(os.getuid()).pw_name] if os.getuid() == 0 else []
cache = subprocess.Popen(["memcached", "-l", "127.0.0.1", "-p", ports["cache"], "-m", "16", *user], stdin=subprocess.DEVNULL)
children = [cache.pid]
for kind, path in configurations.items():
    if kind == "proxy":  # what it cannot reach at once it leaves alone for a minute
        for before in ("account", "container", "object", "cache"):
            wait_for(int(ports[before]))
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        more = {"global_conf_callback": object_server.global_conf_callback} if kind == "object" else {}
        more["verbose"] = True  # errors go to standard error, and not to syslog
        os._exit(wsgi.run_wsgi(path, f"{kind}-server", **more) or 0)
    children.append(child)


def end(*_):
    for one in children:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            pass
    os._exit(0)


signal.signal(signal.SIGTERM, end)
sys.stdin.buffer.read()
end()
