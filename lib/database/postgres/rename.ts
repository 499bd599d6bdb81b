// Creates databases beside the present one, finds them by name, and exchanges them by renaming when no session is open.
import { lines, sh, type Command } from '../../host/sh.ts';

/** A sentence when the user lacks a right that an undo needs; otherwise nothing. */
const lacking = `SELECT CASE WHEN NOT (r.rolsuper OR r.rolcreatedb)
  THEN format('the user %s may not make databases: ALTER ROLE %I CREATEDB, as the administrator of the server', r.rolname, r.rolname)
  ELSE format('the user %s does not own the database %s: ALTER DATABASE %I OWNER TO %I, as the administrator of the server', r.rolname, d.datname, d.datname, r.rolname)
END FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()
AND NOT (r.rolsuper OR r.rolcreatedb AND pg_has_role(d.datdba, 'MEMBER'));`;

/** Owner, encoding and locale, then settings and rights: a renamed database takes all of them along. */
const like = `SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE %I ENCODING %L LC_COLLATE %L LC_CTYPE %L%s', :'fresh',
  pg_get_userbyid(d.datdba), :'template', pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
  CASE to_jsonb(d)->>'datlocprovider'
    WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale'))
    WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', to_jsonb(d)->>'datlocale')
    ELSE '' END)
FROM pg_database d WHERE d.datname = current_database() \\gexec
SELECT format('ALTER DATABASE %I SET %I TO %s', :'fresh', split_part(one, '=', 1),
  CASE WHEN split_part(one, '=', 1) IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
    THEN substr(one, strpos(one, '=') + 1) ELSE quote_literal(substr(one, strpos(one, '=') + 1)) END)
FROM pg_database d JOIN pg_db_role_setting s ON s.setdatabase = d.oid AND s.setrole = 0, unnest(s.setconfig) AS one
WHERE d.datname = current_database() \\gexec
SELECT sentence FROM (
  SELECT 1 AS turn, format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'fresh') AS sentence
  FROM pg_database WHERE datname = current_database() AND datacl IS NOT NULL
  UNION ALL
  SELECT 2, format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, :'fresh',
    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
    CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = current_database() AND a.grantee <> d.datdba
) AS sentences ORDER BY turn \\gexec`;

const leave = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = :'from' AND backend_type = 'client backend' AND pid <> pg_backend_pid();`;

/** The number of the database that a variable of psql names; a renaming does not change it. */
export function numberOf(variable: string): string {
  return `SELECT oid FROM pg_database WHERE datname = :'${variable}';`;
}

/** Bash words for scripts of withClient. */
export const renameFunctions: Command = lines(
  // `present`, and `stem`: what the names beside it begin with, so short that the longest end fits into 63 bytes, and no other database's
  sh`name_of
stem=$present
bytes() (LC_ALL=C; echo "\${#1}")
if (($(bytes "$stem") > 30)); then
  while (($(bytes "$stem") > 21)); do stem=\${stem%?}; done
  stem+=_$(printf %s "$present" | sha256sum | head -c 8)
fi`,
  sh`may_make() {
  local lacks
  lacks=$(ask <<<${lacking})
  [[ -z $lacks ]] || { printf '%s\\n' "$lacks" >&2; exit 1; }
}`,
  // make_like FRESH TEMPLATE
  sh`make_like() { ask -v fresh="$1" -v template="$2" <<<${like}; }`,
  // fill DATABASE < dump
  sh`fill() {
  local word
  word=$(as_word "$1") || return 1
  client pg_restore -w --exit-on-error -d "$word"
}`,
  // look NAME…: sets via to the first of them that answers, and every to the names of all databases
  sh`look() {
  for via; do
    mapfile -d '' every < <(ask_in "$via" -0 <<<'SELECT datname FROM pg_database' 2>/dev/null)
    if ((\${#every[@]})); then return 0; fi
  done
  ask <<<'SELECT 1' >/dev/null
  echo "the server has none of these databases: $*" >&2
  exit 1
}`,
  // number_of VIA NAME
  sh`number_of() { ask_in "$1" -v name="$2" <<<${numberOf('name')}; }`,
  sh`has() {
  local one
  for one in "\${every[@]}"; do
    if [[ $one == "$1" ]]; then return 0; fi
  done
  return 1
}`,
  // move VIA FROM TO: asked from a third one, because nobody can rename the database that they are in
  sh`move() {
  local try
  for try in 1 2 3; do
    if ask_in "$1" -v from="$2" -v to="$3" <<<${`${leave}\nALTER DATABASE :"from" RENAME TO :"to";`} >/dev/null; then return 0; fi
  done
  exit 1
}`,
  sh`drop() { ask_in "$1" -v from="$2" <<<${`${leave}\nDROP DATABASE IF EXISTS :"from";`} >/dev/null; }`,
  // drop_all REGEX: those whose name is that of the present one and an end of ours
  sh`drop_all() {
  local one
  look "$present"
  for one in "\${every[@]}"; do
    if [[ \${one:0:\${#stem}} == "$stem" && \${one:\${#stem}} =~ $1 ]]; then drop "$present" "$one"; fi
  done
}`,
  // give_back KEPT AWAY: makes KEPT the present one again, from wherever that was interrupted; what has its name becomes AWAY.
  // Needs number, that of KEPT as it was noted: '' when KEPT was never whole, and then nothing came after it.
  sh`give_back() {
  if has "$1"; then
    number=$(number_of "$1" "$1")
    if has "$present" && ! has "$2"; then
      move "$1" "$present" "$2"
    elif ! has "$2"; then
      # nobody can rename the database that they are in
      ask_in "$1" -v name="$2" <<<'CREATE DATABASE :"name" TEMPLATE template0;'
    fi
    move "$2" "$1" "$present"
  fi
  if [[ ! $number ]]; then return 0; fi
  local now
  now=$(number_of "$present" "$present")
  [[ $now == "$number" ]] || { echo "the database called $present is not the one with the number $number, which was there before" >&2; exit 1; }
}`,
  sh`empty_of() { ask -v from="$1" <<<${leave} >/dev/null; }`,
);
