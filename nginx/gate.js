// Keeps a request waiting while the file that says so is there. It runs only then: nginx itself looks for the file first.
import fs from 'fs';

const lookEveryMs = 25;

// Asked by auth_request: 204 lets the request through, 403 sends it to the page that says what is going on.
function wait(r) {
  const until = Date.now() + Number(r.variables.hold_seconds) * 1000;
  function look() {
    if (!isHeld(r.variables.hold_file)) r.return(204);
    else if (Date.now() >= until) r.return(403);
    else setTimeout(look, lookEveryMs);
  }
  look();
}

function isHeld(file) {
  try {
    fs.accessSync(file);
    return true;
    // oxlint-disable-next-line no-unused-vars -- njs of Debian 12 knows no catch without a name
  } catch (_) {
    return false;
  }
}

export default { wait };
