// The Node.js program of the test images: it answers "hello" on port 8080 and ends on SIGTERM.
'use strict';
const http = require('node:http');

http.createServer((request, response) => response.end('hello\n')).listen(8080);
process.on('SIGTERM', () => process.exit(0));
