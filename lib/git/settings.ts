// Settings of git that could start a program or fetch something, and what they are set to for every call.

/** For every call: what a repository's settings could make git start, read or fetch otherwise. */
export const careful = [
  '--no-pager',
  '--no-replace-objects',
  '--literal-pathspecs',
  ...[
    'core.fsmonitor=false',
    'core.hooksPath=/dev/null',
    'core.editor=true',
    'core.askPass=',
    'diff.external=',
    'log.showSignature=false',
    'submodule.recurse=false',
    'protocol.ext.allow=never',
    'maintenance.auto=false',
    'gc.auto=0',
  ].flatMap(one => ['-c', one]),
];

/** Settings whose value is a program. https://git-scm.com/docs/git-config, read at 2.39 and 2.51 */
export const programs: [RegExp, string][] = [
  [/^filter\..*\.(clean|smudge|process)$/, ''],
  [/^filter\..*\.required$/, 'false'],
  [/^core\.sshcommand$/, 'ssh'],
  [/^gpg\.program$|^gpg\.openpgp\.program$/, 'gpg'],
  [/^gpg\.ssh\.program$/, 'ssh-keygen'],
  [/^gpg\.x509\.program$/, 'gpgsm'],
  [/^core\.(pager|editor|gitproxy|alternaterefscommand)$|^pager\.|^sequence\.editor$/, 'true'],
  [/^diff\..*\.(command|textconv)$|^merge\..*\.driver$|^credential\.(.*\.)?helper$/, ''],
  [
    /^tar\..*\.command$|^remote\..*\.(uploadpack|receivepack|vcs)$|^hook\..*\.command$|^gpg\.ssh\.defaultkeycommand$/,
    '',
  ],
  [/^alias\.|^submodule\..*\.update$|^uploadpack\.packobjectshook$|^interactive\.difffilter$/, ''],
];

/** What git-lfs writes with `git lfs install --local`: a program of this machine, and nothing of the tree. */
export const lfs = /^filter\.lfs\.(clean|smudge|process|required)$/;
export const lfsValue = /^(git-lfs (clean -- %f|smudge (--skip )?-- %f|filter-process( --skip)?)|true|false)$/;
