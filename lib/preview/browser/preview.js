// The preview's own script in the browser: loads a page again when it was written, and goes to its neighbours with the arrow keys.
const { page, seen } = document.currentScript.dataset;

// A browser has six connections to one server, and each open page holds one: those that nobody looks at let theirs go.
let changes;
function follow() {
  changes?.close();
  changes = undefined;
  if (document.visibilityState !== 'visible') return;
  changes = new EventSource(`/-/changes?${new URLSearchParams({ page, seen })}`);
  changes.addEventListener('reload', () => {
    changes.close();
    location.reload();
  });
}
document.addEventListener('visibilitychange', follow);
window.addEventListener('pagehide', () => changes?.close());
window.addEventListener('pageshow', follow);

document.addEventListener('keydown', event => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
  if (event.target instanceof Element && event.target.closest('video, audio, summary, pre, [tabindex]')) return;
  const where = { ArrowLeft: 'prev', ArrowRight: 'next' }[event.key];
  if (where) document.querySelector(`body > header a[rel="${where}"][href]`)?.click();
});
