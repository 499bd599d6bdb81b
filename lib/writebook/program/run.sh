# Unpacks a bundle from standard input into a folder of its own, runs its program in the application, and removes the folder.
set -eu
if ! [ -x bin/rails ]; then
  echo "there is no program bin/rails in $PWD" >&2
  exit 66
fi
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' HUP INT TERM
tar -xf - -C "$folder"
bin/rails runner "$folder/program.rb" "$folder" </dev/null
