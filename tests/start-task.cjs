// Starts a task that transpile() bundled, with V8's code cache of its first run: that halves what a start costs.
const { existsSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const { Script } = require('node:vm');

// as if the task had been started itself
process.argv.splice(1, 1);
const [, file] = process.argv;
const cache = `${file}.${process.version}.cache`;
const cachedData = existsSync(cache) ? readFileSync(cache) : undefined;
const wrapped = `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, 'utf8')}\n})`;
const script = new Script(wrapped, { filename: file, cachedData });
const made = { exports: {} };
script.runInThisContext()(made.exports, createRequire(file), made, file, dirname(file));
if (!cachedData)
  process.on('exit', () => {
    // several may be the first, and who reads shall find all of it
    const own = `${cache}.${process.pid}`;
    writeFileSync(own, script.createCachedData());
    renameSync(own, cache);
  });
