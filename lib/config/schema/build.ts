// The keys of ops.yml for building images, in the words of a compose file's own `build`.
import * as v from 'valibot';
import { about, mapOf, optional, password, shape, variables } from './combinators.ts';
import { askedPath, branch, line, list, oneOf, plainText, scalar, url, variable, whole } from './values.ts';

const imageName = v.pipe(
  plainText,
  v.regex(
    /^(?=.{1,128}$)[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/,
    'must be the name of an image: a-z, 0-9, and . _ - between them',
  ),
);
const registry = v.pipe(
  line,
  v.regex(
    /^(?=.{1,200}$)(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9.-]+(?=:))(:\d{1,5})?(\/[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*)*$/,
    'must be a server and an owner, such as ghcr.io/heldpascal',
  ),
);
/** The builder gets the commit's files only. */
const commitPath = v.pipe(
  line,
  v.check(
    text => !/^[/~-]|(^|\/)\.\.(\/|$)|\\/.test(text),
    'must be a path inside the commit, such as backend, without .. and not beginning with -',
  ),
);
const stage = v.pipe(plainText, v.regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/, 'must be the name of a stage'));
const platform = v.pipe(
  plainText,
  v.regex(/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/, 'must be a platform, such as linux/amd64'),
);
const cache = v.pipe(
  line,
  v.check(text => !text.startsWith('-'), 'must be as after --cache-from, such as type=gha'),
  v.check(
    text => !/(secret|token|password|access_key_id)[a-z_]*=/i.test(text),
    'has a secret in it: leave that out, the builder reads it from the environment (AWS_…, ACTIONS_RUNTIME_TOKEN)',
  ),
);

const treePath = v.pipe(
  commitPath,
  v.check(
    text => text.split('/').every(name => name !== '' && name !== '.' && name.toLowerCase() !== '.git'),
    'must be a path inside upstream’s tree, such as app/assets/stylesheets/custom.css',
  ),
);
/** Passwords belong into git's credential helper, and `ext::` would start a program. */
const repository = v.pipe(
  line,
  v.regex(
    /^(https?:\/\/(?![^/]*@)[^/\s]+\/\S+|ssh:\/\/([\w.-]+@)?[\w.[\]:-]+\/\S+|[\w.-]+@[\w.-]+:[^/:\s-]\S*|\/\S+)$/,
    'must be an address that git fetches from, without a password: https://github.com/basecamp/writebook.git, git@…, or an absolute path',
  ),
);

const upstream = shape({
  repository: about('Where git fetches upstream from', repository),
  branch: optional('Its branch that upstream-sync follows (default: its default branch)', branch),
  patches: optional(
    'The folder in the commit with upstream-commit and *.patch, made by tasks/patch.ts (default patches)',
    commitPath,
  ),
  files: optional(
    'Path in upstream’s tree: the file or folder in the commit that is put there (CSS, fonts, a cover)',
    mapOf(treePath, commitPath),
  ),
  ga4: optional(
    'Google Analytics 4',
    shape({
      id: about(
        'The measurement id',
        v.pipe(line, v.regex(/^G-[A-Z0-9]{4,20}$/, 'must be a measurement id, such as G-AB12CD34EF')),
      ),
      file: about('The file of upstream’s tree that gets the snippet; a patch makes the layout show it', treePath),
    }),
  ),
  version_file: optional(
    'The file of upstream’s tree that gets a version.json, such as public/version.json (default: none)',
    treePath,
  ),
  pull_request: optional(
    'Where upstream-sync writes',
    shape({
      branch: optional('The branch it pushes to origin (default upstream-sync)', branch),
      base: optional('The branch it is to be merged into (default: the default branch of origin)', branch),
      token: optional('A GitHub token that may write pull requests (default: the branch is only pushed)', password),
      url: optional('The API of a GitHub Enterprise server (default https://api.github.com)', url),
    }),
  ),
});

const smoke = shape({
  port: optional('The port in the container that is asked (default: the health check of the image)', whole(1, 65_535)),
  path: optional('The path that is asked there (default /)', askedPath),
  status: optional('The HTTP status expected (default 200)', whole(100, 599)),
  json: optional('Dotted path to the value expected; {sha} and {sha7} stand for the commit', mapOf(line, scalar)),
  env: optional('Its environment; not for secrets', variables(scalar)),
  seconds: optional('How long it may take to be ready (default 60)', whole(1, 3600)),
});

const image = shape({
  context: optional('The folder in the commit that the builder gets (default: all of it)', commitPath),
  dockerfile: optional('The Dockerfile, relative to context (default Dockerfile)', commitPath),
  target: optional('The stage to build (default: the last one)', stage),
  platforms: optional('Such as linux/amd64 (default: that of the engine which builds)', list(platform)),
  args: optional(
    'Build arguments; {sha}, {sha7} and {created} stand for the commit; not for secrets',
    variables(scalar),
  ),
  secrets: optional(
    'What RUN --mount=type=secret,id=… reads: an id, and where its value is',
    mapOf(variable, password),
  ),
  cache_from: optional('As after --cache-from: type=gha, type=registry,ref=…', list(cache)),
  cache_to: optional('As after --cache-to', list(cache)),
  provenance: optional('An attestation of how it was built (default: none)', oneOf('min', 'max')),
  smoke: optional('How it is tried out before it is pushed (default: not at all)', smoke),
});

export const build = shape({
  registry: optional(
    'Where images are pushed to: server and owner (default: those of compose.registry, in lower case)',
    registry,
  ),
  images: optional('The images, by name (default: one with the name of the app)', mapOf(imageName, image)),
  upstream: optional('Another project’s tree, pinned and patched, that is built instead of the commit’s own', upstream),
});
