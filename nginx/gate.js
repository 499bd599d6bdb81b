// Keeps a request waiting while the file that says so is there. It runs only then: nginx itself looks for the file first.
import fs from 'fs';

const lookEveryMs = 50;
// A long wait is looked after less often: however many wait, looking costs the same.
const partOfTheWait = 40;

// Asked by auth_request: 204 lets the request through, 403 sends it to the page that says what is going on.
function wait(r) {
  const file = r.variables.hold_file;
  const came = Date.now();
  const until = came + Number(r.variables.hold_seconds) * 1000;
  let since = 0;
  function look() {
    const held = heldSince(file);
    if (held) {
      since = held;
      const now = Date.now();
      if (now >= until) r.return(403);
      else setTimeout(look, Math.max(lookEveryMs, (now - came) / partOfTheWait));
    } else if (since) {
      // All at once, they would not fit into the queue of a program that has just started, and it would refuse some. In the
      // order in which they came, twice as fast as they came: nobody waits longer than whoever came first.
      const turn = Math.max(0, came - since) / 2;
      since = 0;
      setTimeout(look, turn);
    } else r.return(204);
  }
  look();
}

// Milliseconds since 1970, or 0.
function heldSince(file) {
  try {
    return fs.statSync(file).mtimeMs;
    // oxlint-disable-next-line no-unused-vars -- njs of Debian 12 knows no catch without a name
  } catch (_) {
    return 0;
  }
}

export default { wait };
