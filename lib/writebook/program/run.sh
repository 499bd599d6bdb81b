# Unpacks a bundle from standard input into a folder of its own, runs its program in the application, and removes the folder.
# Standard input stays open behind the bundle: it ends when nobody waits for the program any more. So the bundle comes in counted
# pieces, and Ruby, which is where the application is, takes no byte more than it should (head of busybox does).
set -eu
if ! [ -x bin/rails ]; then
  echo "there is no program bin/rails in $PWD" >&2
  exit 66
fi
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' HUP INT TERM
ruby --disable-gems -e 'while (size = $stdin.gets.to_i) > 0 do IO.copy_stream($stdin, $stdout, size) end' | tar -xf - -C "$folder"
bin/rails runner "$folder/program.rb" "$folder"
