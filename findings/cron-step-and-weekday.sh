#!/usr/bin/env bash
# `0 0 */2 * 1`, each second day and a Monday, in Debian's cron and in three packages that Node programs ask when a line runs next.
#
# Guess: all read it alike: as a day of the month and a day of the week are given, either of them is enough.
# Seen:  Debian 12's cron (3.0pl1-162) takes every day field that begins with * as not given, steps included, so that both have
#        to fit: it runs on Monday the 9th of November 2026, and neither on Tuesday the 3rd nor on Monday the 2nd. With 1-31/2,
#        which means the same days, either is enough. croner 9.1.0, cron-parser 5.10.1 and cron-schedule 5.0.4 say the 2nd and
#        the 3rd, for both ways to write it.
# Needs root on Debian: cron is started with a crontab of its own, in its own view of the file system, shortly before midnight.
set -euo pipefail
CRON=3.0pl1-162 FAKETIME_VERSION=0.9.10-2.1 CRONER=9.1.0 CRON_PARSER=5.10.1 CRON_SCHEDULE=5.0.4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
chmod 755 .
npm init -y >/dev/null
npm install --silent --no-audit --no-fund "croner@$CRONER" "cron-parser@$CRON_PARSER" "cron-schedule@$CRON_SCHEDULE" >/dev/null
apt-get download -qq "cron=$CRON" "libfaketime=$FAKETIME_VERSION" 2>/dev/null
for package in *.deb; do dpkg -x "$package" root; done
library=$(find "$PWD/root" -name libfaketime.so.1)

cat >at-midnight.sh <<'END' # work library day…: which of the lines run in the first seconds of each
set -euo pipefail
mount -t tmpfs none /var/spool
mkdir -p /var/spool/cron/crontabs
mount -t tmpfs none /etc/cron.d
mount -t tmpfs none /run
: >"$1/no-lines"
[ ! -e /etc/crontab ] || mount --bind "$1/no-lines" /etc/crontab
printf '0 0 */2 * 1 touch %s/ran.step\n0 0 1-31/2 * 1 touch %s/ran.range\n' "$1" "$1" >/var/spool/cron/crontabs/root
chmod 600 /var/spool/cron/crontabs/root
for day in "${@:3}"; do
  rm -f "$1"/ran.*
  TZ=UTC LD_PRELOAD=$2 FAKETIME="@$(date -u -d "$day -5 seconds" '+%F %T')" timeout 12 "$1/root/usr/sbin/cron" -f -n || true
  echo "$day:$(cd "$1" && for one in ran.*; do [ ! -e "$one" ] || printf ' %s' "${one#ran.}"; done)"
done
END

expect() { # who seen wanted
  printf '%-22s %s\n' "$1" "$2"
  [[ $2 == "$3" ]] || { printf 'it has changed, it was %s\n' "$3"; exit 1; }
}
echo "node $(node --version), cron $CRON, croner $CRONER, cron-parser $CRON_PARSER, cron-schedule $CRON_SCHEDULE"
expect cron "$(unshare --mount bash at-midnight.sh "$PWD" "$library" 2026-11-02 2026-11-03 2026-11-09 | paste -sd';')" \
  '2026-11-02: range;2026-11-03: range;2026-11-09: range step'
for line in '0 0 */2 * 1' '0 0 1-31/2 * 1'; do
  said=$(TZ=UTC node -e "
    const [from, line] = [new Date('2026-11-01T00:00:30Z'), process.argv[1]];
    const days = dates => dates.map(date => date.toISOString().slice(8, 10)).join(' ');
    const parsed = require('cron-parser').CronExpressionParser.parse(line, { currentDate: from, tz: 'UTC' });
    console.log('croner', days(new (require('croner').Cron)(line, { timezone: 'UTC' }).nextRuns(4, from)));
    console.log('cron-parser', days(Array.from({ length: 4 }, () => parsed.next().toDate())));
    console.log('cron-schedule', days(require('cron-schedule').parseCronExpression(line).getNextDates(4, from)));
  " "$line")
  while read -r who days; do expect "$who, ${line:4:6}" "$days" '02 03 05 07'; done <<<"$said"
done
echo 'as it was'
