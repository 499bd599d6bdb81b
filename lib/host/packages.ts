// The Debian package of each program that a host may lack, for the advice on how to install it.
const packages: Record<string, string> = {
  flock: 'util-linux',
  setsid: 'util-linux',
  awk: 'mawk',
  find: 'findutils',
  docker: 'docker.io docker-compose-v2',
  systemctl: 'systemd',
  psql: 'postgresql-client',
  pg_dump: 'postgresql-client',
  pg_restore: 'postgresql-client',
};

export function packageOf(program: string): string {
  return packages[program] ?? (/^(base64|tail|timeout|stat|df|sha256sum)$/.test(program) ? 'coreutils' : program);
}
