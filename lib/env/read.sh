# Reads environment files by the grammar of lib/env/grammar.ts. What that refuses and is still clear (`export`, a comment after a
# value, CR LF) is read as Compose reads it, so that an app which served with such a file can go back to it.

read_environment() { # file…: fills env_names, env_values and env_lines (FIRST,LAST of the last file); no message has a value
  local LC_ALL=C file line number first mark stop chunk rest value
  local assignment=$'^[ \t]*(export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=(.*)$'
  env_names=() env_values=() env_lines=()
  for file; do
    number=0
    [[ -r $file ]] || { echo "$file: it does not exist, or may not be read" >&2; return 1; }
    while IFS= read -r line || [[ $line ]]; do
      number=$((number + 1))
      line=${line%$'\r'}
      ((number > 1)) || line=${line#$'\xef\xbb\xbf'}
      [[ $line =~ $assignment ]] || continue
      env_names+=("${BASH_REMATCH[2]}")
      rest=${BASH_REMATCH[3]} first=$number value=''
      rest=${rest#"${rest%%[!$' \t']*}"}
      mark=${rest:0:1}
      if [[ $mark == \' || $mark == \" ]]; then
        rest=${rest:1}
        stop=\'
        [[ $mark == \' ]] || stop='["\\]'
        while :; do
          # shellcheck disable=SC2295 # a pattern
          chunk=${rest%%$stop*}
          value+=$chunk
          rest=${rest:${#chunk}}
          if [[ ! $rest || $rest == \\ ]]; then # continues on the next line
            [[ $rest ]] || value+=$'\n'
            if ! IFS= read -r rest && [[ ! $rest ]]; then
              echo "$file:$first: ${env_names[-1]}: the quote that opens here is never closed" >&2
              return 1
            fi
            number=$((number + 1))
            rest=${rest%$'\r'}
          elif [[ $rest == \\* ]]; then
            case ${rest:1:1} in
              [\\\"\$\`]) value+=${rest:1:1} ;;
              *) value+=${rest:0:2} ;;
            esac
            rest=${rest:2}
          else
            break
          fi
        done
      else
        value=${BASH_REMATCH[3]%%[$' \t']#*}
        value=${value#"${value%%[!$' \t']*}"}
        value=${value%"${value##*[!$' \t']}"}
      fi
      env_values+=("$value")
      env_lines+=("$first,$number")
    done <"$file"
  done
}

export_environment() { # gives what was read to the programs that this shell starts from here on
  local env_at
  for env_at in "${!env_names[@]}"; do
    # -g: also where a variable of ours has the same name; what a shell keeps for itself is refused before anything starts
    declare -gx "${env_names[env_at]}=${env_values[env_at]}" 2>/dev/null || true
  done
  unset -f read_environment export_environment
  unset env_names env_values env_lines
}
