// The keys of ops.yml for building images, in the words of a compose file's own `build`.
import * as v from 'valibot';
import { mapOf, optional, password, shape, variables } from './combinators.ts';
import { askedPath, line, list, oneOf, plainText, scalar, variable, whole } from './values.ts';

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
});
