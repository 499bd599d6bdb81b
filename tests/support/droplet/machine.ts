// How a container is started so that systemd, iptables and a Docker engine work in it without --privileged.

/** Everything but SYS_RESOURCE and SYS_MODULE: some machines lack them, and `--privileged` would ask for all. */
const capabilities = (
  'SYS_ADMIN NET_ADMIN NET_RAW SYS_PTRACE SYS_CHROOT DAC_READ_SEARCH LINUX_IMMUTABLE IPC_LOCK IPC_OWNER SYS_NICE SYS_TIME SYS_TTY_CONFIG ' +
  'MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ SYS_BOOT'
).split(' ');

/** Arguments of `docker create` for a whole machine. */
export const machine = [
  ...'--stop-signal SIGRTMIN+3 --cgroupns=host -v /sys/fs/cgroup:/sys/fs/cgroup:rw'.split(' '),
  ...capabilities.flatMap(name => ['--cap-add', name]),
  ...['seccomp', 'apparmor', 'systempaths'].flatMap(name => ['--security-opt', `${name}=unconfined`]),
  ...['/run', '/run/lock', '/tmp'].flatMap(folder => ['--tmpfs', `${folder}:exec`]),
  '--device-cgroup-rule',
  'a *:* rwm',
];
