// The Node.js program of the test images: it answers "hello" on port 8080 and ends on SIGTERM. $PLANT has the names of faults,
// with commas between.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const { spawn, spawnSync } = require('node:child_process');

// self is this program once more, with another fault.
const self = (fault, stdout) => [process.execPath, [__filename], { env: { ...process.env, PLANT: fault }, stdio: ['pipe', stdout, 'ignore'] }];

const faults = {
  // A grandchild has ended, of whom Node.js does not know: it waits for its own children only, and for the end of their output.
  zombie: () => spawnSync(...self('leave', 'pipe')),
  // Its child ends when it has: at the end of the child's standard input.
  leave: () => {
    spawn(...self('follow', 'inherit'));
    process.kill(process.pid, 'SIGKILL');
  },
  follow: () => {
    fs.readSync(0, Buffer.alloc(1));
    process.exit(0);
  },
  // A file of 2 MB is open, and has no name.
  deleted: () => {
    fs.writeFileSync('/spool/gone', Buffer.alloc(2e6));
    fs.openSync('/spool/gone');
    fs.unlinkSync('/spool/gone');
  },
  // A child was killed by the kernel for want of memory.
  memory: () => {
    if (spawnSync(...self('grow', 'ignore')).signal !== 'SIGKILL') throw new Error('the child was not killed');
  },
  grow: () => {
    for (const all = []; ;) all.push(Buffer.alloc(1 << 20, 1));
  },
  // It only takes time of the processor.
  busy: () => {
    for (;;);
  },
};
for (const name of (process.env.PLANT ?? '').split(',').filter(Boolean)) faults[name]();

http.createServer((request, response) => response.end('hello\n')).listen(8080);
process.on('SIGTERM', () => process.exit(0));
