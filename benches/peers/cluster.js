// Node's cluster: node cluster.js <port> <workers> <greet|pid>
'use strict';
const cluster = require('node:cluster');
const http = require('node:http');

const [port, workers, answer] = process.argv.slice(2);

if (cluster.isPrimary) {
  for (let worker = 0; worker < Number(workers); worker += 1) cluster.fork();
  cluster.on('exit', () => cluster.fork());
} else {
  const body = answer === 'pid' ? String(process.pid) : 'Hello, World!';
  const headers = { 'Content-Type': 'text/plain', 'Content-Length': body.length };
  http
    .createServer((request, response) => {
      response.writeHead(200, headers);
      response.end(body);
    })
    .listen(Number(port), '0.0.0.0', 4096, () => console.log(`ready ${process.pid}`));
}
