// The table of what befalls a server or a client in the middle of a deploy, as it was met or tried before: when it strikes, what is done, what may come of it.

/** Which release serves afterwards; `stuck` is exit 6. */
export type End = 'old' | 'new' | 'stuck';
/** What rows allow. */
export const ends = {
  old: ['old'],
  new: ['new'],
  stuck: ['stuck'],
  either: ['old', 'new'],
  backOrStuck: ['old', 'stuck'],
  any: ['old', 'new', 'stuck'],
} as const satisfies Record<string, readonly End[]>;

/** One row. It strikes when its step begins, and again is over when its script has ended, or by `mend` once the deploy has. */
export type Fault = {
  title: string;
  /** Both runtimes, unless it is about one. */
  on?: 'compose' | 'systemd';
  at: Moment;
  /** What is deployed: a good release, one whose migration fails half-way, or one that never gets ready. */
  deploys?: 'bad migration' | 'unready';
  /** bash as root, with the words of `faultWords`. */
  strike?: string;
  /** What the client gets at the same time; `frozen` seconds long. */
  client?: 'SIGKILL' | { frozen: number };
  /** Another task that is started then. */
  beside?: string;
  /** Ends the fault, after the deploy has ended; without it the fault is over when `strike` is. */
  mend?: string;
  /** What may come of it. */
  ends: readonly End[];
  /** The way out of exit 6: once it is mended the same way back again (default), or a person accepts what is there. */
  out?: 'accept';
};

/** Steps by which a row says when it strikes, as the client tells of them. */
export const moments = {
  write: / … (Unpack into|Write the release folder)/,
  bring: / … (Link|Pull the images)/,
  stop: / … Stop \d/,
  migrate: / … Migrate/,
  start: / … Start \d/,
  wait: / … Wait until/,
  recorded: / ✔ Record/,
};
export type Moment = keyof typeof moments;

export type Where = {
  root: string;
  database: string;
  unit?: string | undefined;
  project?: string | undefined;
};

/** What the scripts of the table may say. */
export const faultWords = ({ root, database, unit = '', project = '' }: Where): string => `
root=${root} releases=${root}/releases home=${root}/releases/.keeper database=${database} unit=${unit} project=${project}
file=/etc/systemd/system/$unit.service
keeper() { local p; for p in /proc/[0-9]*; do case $(readlink "$p/fd/8" 2>/dev/null) in "$home/lock"*) echo "\${p#/proc/}"; return ;; esac; done; }
old() { grep -E ' outcome=(live|accepted) ' $releases/releases.log | grep -oE ' release=[^ ]+' | tail -n 1 | cut -d= -f2; }
next() { ls -1d $releases/2*_* | tail -n 1; }
newest() { docker ps -aq --filter label=com.docker.compose.project=$project | head -n 1; }
group() { local group rest; read -r group rest <$home/journal/running; echo "$group"; }
# the root is in memory, with a limit that can be drawn in
fill() { mount -o remount,size=$(($(df -Pk $root | awk 'NR==2 {print $3}') + 4))k $root; }
drain() { mount -o remount,size=400m,nr_inodes=50000 $root; }
no_inodes() { mount -o remount,nr_inodes=$(df -Pi $root | awk 'NR==2 {print $3 + 1}') $root; }
read_only() { mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"; }
writable() { umount -l "$1"; }
docker_away() { systemctl stop docker.socket docker; sleep "$1"; systemctl start docker.socket docker; }
hide_unit() { mv $file /root/hidden.service; systemctl daemon-reload; }
show_unit() { mv /root/hidden.service $file; systemctl daemon-reload; }
no_sudo() { mv /etc/sudoers.d/deploy /root/sudo; }
sudo_again() { mv /root/sudo /etc/sudoers.d/deploy; }
kill_keeper() { kill "-\${1:-KILL}" $(keeper); }
`;
