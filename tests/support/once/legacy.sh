#!/bin/bash
# A stand-in for the ONCE of the older installer, as Writebook's own manual describes it: one app, no image to choose, no restore.
printf '%s\n' "$*" >>/var/log/once-calls
blue=$'\e[94m' off=$'\e[0m'
case "$*" in
  '' | help | --help)
    printf '%s\n' "${blue}once${off} runs your app" '' 'Commands:' '  password     Reset a password' \
      '  auto-update  Turn automatic updates on or off' '  data         Back up your data' '  setup        Set up again' \
      '  start        Start the app' '  status       Show what runs' '  stop         Stop the app' '  update       Update now' \
      '  help         Show this'
    ;;
  'data backup '*)
    tar -C "${ONCE_LEGACY_DATA:-/var/once-legacy}" -czf "$3" . || exit 1
    echo "${blue}Backed up${off} to $3"
    ;;
  status) echo "writebook ${blue}running${off}" ;;
  start | stop | update | setup | 'auto-update on' | 'auto-update off') echo "${blue}done${off}" ;;
  *)
    echo "Unknown command: $1" >&2
    exit 1
    ;;
esac
