// Shell functions for the images of a compose release: pinned by tags of our own, so that an undo needs no registry.
import { lines, sh, type Command } from '../../host/sh.ts';

/** Bash functions; the file `images` of a release has lines `image digest pin`. */
export function imageWords(project: string): Command {
  return lines(
    // hold_images folder name < lines `image id`: a tag of our own keeps an image from being pruned, and from being moved by a
    // later push; a tag that is gone, of what runs, is given back
    sh`hold_images() {
  local folder=$1 name=$2 image id digest number=0 pin
  while read -r image id; do
    [[ $image ]] || continue
    digest=$(docker image inspect -f '{{range .RepoDigests}}{{println .}}{{end}}' "$id" | grep -F -m 1 "\${image%:*}@" || true)
    number=$((number + 1))
    pin=bookops-keep/${project}:$name.$number
    docker tag "$id" "$pin"
    if [[ $image != "$id" && $image != *@* && $image != sha256:* ]] && ! docker image inspect "$image" >/dev/null 2>&1; then docker tag "$id" "$image"; fi
    printf '%s %s %s\n' "$image" "\${digest:--}" "$pin" >>"$folder/images"
  done
}`,
    // put_tags_right folder: what was live is what its tags mean, whatever was pulled or built under them since
    sh`put_tags_right() {
  local image digest pin held all
  if ! is_there "$1/images"; then return 0; fi
  all=$(cat "$1/images")
  while read -r image digest pin; do
    if [[ $image == *@* || $image == sha256:* ]]; then continue; fi
    # a list is empty where somebody removed the pin, and fails where Docker does
    held=$(docker image ls -q --no-trunc "$pin")
    [[ $held ]] || continue
    [[ $(docker image inspect -f '{{.Id}}' "$image" 2>/dev/null) == "$held" ]] || docker tag "$pin" "$image"
  done <<<"$all"
}`,
    // forget_images folder [holds]: takes this release's hold off its images; the last hold takes the image along, but not
    // where only holds are meant. What cannot be asked stays.
    sh`forget_images() {
  local folder=$1 only=\${2:-} image digest pin all tags
  if ! is_there "$folder/images"; then return 0; fi
  all=$(cat "$folder/images")
  while read -r image digest pin; do
    docker image rm "$pin" >/dev/null 2>&1 || true
    tags=$(docker image inspect -f '{{join .RepoTags " "}}' "$image" 2>/dev/null) || continue
    if [[ ! $only && $tags != *bookops-keep/* ]]; then docker image rm "$image" >/dev/null 2>&1 || true; fi
  done <<<"$all"
}`,
  );
}
