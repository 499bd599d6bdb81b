// Keeps a request waiting while the file that says so is there. Requests without a body come here only then.
import fs from 'fs';

const lookEveryMs = 50;
// A long wait is looked after less often: however many wait, looking costs the same.
const partOfTheWait = 40;

// Its body is here when this begins, however long the visitor took to send it. Then it goes on to the location that passes
// it to the app, or after the longest wait to the page that says what is going on.
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
      if (now >= until) r.return(503);
      else setTimeout(look, Math.max(lookEveryMs, (now - came) / partOfTheWait));
    } else if (since) {
      // All at once, they would not fit into the queue of a program that has just started, and it would refuse some. In the
      // order in which they came, twice as fast as they came: nobody waits longer than whoever came first.
      const turn = Math.max(0, came - since) / 2;
      since = 0;
      setTimeout(look, turn);
    } else r.internalRedirect(r.variables.after_wait);
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
