# With `words:one` and `words:two`, two images of which one can be started: bash calls.sh FOLDER, with this folder copied there and one.env, two.env.
# Calls that our steps and undos make of docker, in the folder $1: how each ends, and what it prints where that is read. Of errors
# only the words that we look for.
cd "$1"
say() {
  local code=0 said
  said=$("$@" 2>err) || { code=$?; said=$(grep -oE 'already allocated|active endpoints|not found' err | head -n 1); }
  tr '\n' ' ' <<<"$*: $code $said" | sed -E 's/\b([0-9a-f]{64}|[0-9a-f]{12})\b/ID/g; s/ *$/\n/'
}
does() { say quietly "$@"; }
quietly() { "$@" >/dev/null; }
dc() { docker compose -p words --project-directory "$PWD" --env-file "$PWD/$tag.env" -f "$PWD/compose.yml" "$@"; }
label=label=com.docker.compose.project=words
listed() { docker ps -a --no-trunc --filter $label --filter label=com.docker.compose.oneoff=False --format '{{.Label "com.docker.compose.service"}} {{.ID}}' | sort; }
now() { docker ps -aq --no-trunc --filter $label | xargs -r docker inspect -f '{{.Name}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}} {{.Config.Image}}' | sort; }
of() { docker ps -aq --no-trunc --filter "name=^/?words-$1$"; }
tag=one
say dc config --services
say dc config --images web
say dc up --no-start --no-deps --quiet-pull web
say listed
say docker inspect -f '{{.Name}}' "$(of web-1)"
say docker inspect -f '{{.Id}} {{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}' "$(of web-1)"
say docker inspect -f '{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.HostConfig.RestartPolicy.Name}}' "$(of web-1)"
say dc up -d --no-deps --no-recreate web
say now
say docker ps -q --filter $label
say docker rm "$(of web-1)"
say docker start "$(of web-1)"
say docker update --restart no "$(of web-1)"
say now
say dc up --no-start --no-deps --no-recreate --scale web=2 web
say now
say docker start "$(of web-2)"
say docker rm -f "$(of web-2)"
say dc up --no-start --no-deps --no-recreate --scale web=2 web
say dc up -d --no-deps --no-recreate web
say now
tag=two
say dc up -d --no-deps --no-recreate web
say now
say dc up -d --no-deps web
say now
does dc rm -f web
say now
say docker image inspect -f '{{join .RepoTags " "}}' words:two
does docker image rm words:two
does dc stop -t 1 web
say now
say docker stop -t 1 "$(of web-1)"
say docker kill -s KILL "$(of web-1)"
say docker start "$(of web-1)"
does docker rename "$(of web-1)" words-other
does docker rename words-other words-web-1
net=$(docker network ls -q --no-trunc --filter $label)
say docker network inspect -f '{{index .Labels "com.docker.compose.project"}}' "$net"
say docker network rm "$net"
say docker network disconnect -f "$net" "$(of web-1)"
say docker network connect --alias web "$net" "$(of web-1)"
say docker network connect --alias web "$net" "$(of web-1)"
say docker ps -aq --no-trunc --filter network="$net"
does dc rm -sf web
say now
does dc down -t 1 --remove-orphans
say docker network rm "$net"
say docker rm -f words-none
say docker stop words-none
say docker inspect -f '{{.Name}}' words-none
does docker image inspect words:none
say docker image ls -q --no-trunc words:none
say docker image ls -q --no-trunc words:one
does docker image rm words:none
does docker tag words:one words:three
say docker image inspect -f '{{join .RepoTags " "}}' words:three
does docker image rm words:three
does docker tag words:none words:four
