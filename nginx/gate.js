// Keeps a request waiting while the file that says so is there. Requests without a body come here only then.
import fs from 'fs';

const lookEveryMs = 10;
// Who came first waits longest and goes on first, so they look often. Who came a while later has a turn half of that while
// after the gate was opened, and may be a sixth late.
const partOfTheTurn = 6;

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
      if (Date.now() >= until) r.return(503);
      else setTimeout(look, Math.min(500, Math.max(lookEveryMs, (came - since) / partOfTheTurn)));
    } else if (since) {
      // All at once, they would not fit into the queue of a program that has just started, and it would refuse some. In the
      // order in which they came, a little faster than they came: nobody waits longer than whoever came first.
      const turn = Math.max(0, came - since) / 2;
      since = 0;
      setTimeout(look, turn);
    } else r.internalRedirect(r.variables.after_wait);
  }
  look();
}

// Milliseconds since 1970, or 0. Without an error where there is no file: njs takes half a millisecond to make one, and
// hundreds of visitors look in the moment in which the gate opens.
function heldSince(file) {
  try {
    const found = fs.statSync(file, { throwIfNoEntry: false });
    return found ? found.mtimeMs : 0;
    // oxlint-disable-next-line no-unused-vars -- njs of Debian 12 knows no catch without a name
  } catch (_) {
    return 0;
  }
}

export default { wait };
