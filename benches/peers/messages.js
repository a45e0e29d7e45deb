// Messages over process.send: node messages.js <rate|trip> <size> <ms>
'use strict';
const { fork } = require('node:child_process');

const [kind, size, millis, role] = process.argv.slice(2);
const text = 'x'.repeat(Number(size));
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

// Sends in batches and waits until the channel has taken each: `send` itself never waits.
function sendAll() {
  const before = cpu();
  const end = process.hrtime.bigint() + BigInt(millis) * 1000000n;
  const batch = Math.min(256, Math.max(1, Math.floor((64 * 1024) / text.length)));
  let sequence = 0;
  const more = () => {
    if (process.hrtime.bigint() >= end) {
      process.send({ kind: 'end', cpu: cpu() - before });
      return;
    }
    for (let index = 1; index < batch; index += 1) {
      process.send({ kind: 'data', sequence, text });
      sequence += 1;
    }
    process.send({ kind: 'data', sequence, text }, more);
    sequence += 1;
  };
  more();
}

function rate(child) {
  let began;
  let before;
  let count = 0;
  child.on('message', (message) => {
    if (message.kind === 'data') {
      count += 1;
      return;
    }
    if (message.kind === 'up') {
      began = process.hrtime.bigint();
      before = cpu();
      child.send({ kind: 'ping', text });
      return;
    }
    const elapsed = process.hrtime.bigint() - began;
    console.log(`done messages=${count} elapsed=${elapsed} cpu=${cpu() - before + message.cpu}`);
    child.kill('SIGKILL');
  });
}

function trip(child) {
  const trips = [];
  let end;
  let sent;
  const ping = () => {
    sent = process.hrtime.bigint();
    child.send({ kind: 'ping', text });
  };
  child.on('message', (message) => {
    const now = process.hrtime.bigint();
    if (message.kind === 'up') {
      end = now + BigInt(millis) * 1000000n;
      ping();
      return;
    }
    trips.push(Number(now - sent));
    if (now < end) {
      ping();
      return;
    }
    trips.sort((a, b) => a - b);
    console.log(`done trips=${trips.length} p50=${trips[Math.floor(trips.length / 2)]}`);
    child.kill('SIGKILL');
  });
}

if (role === 'child') {
  process.on('message', (message) => (kind === 'rate' ? sendAll() : process.send(message)));
  process.on('disconnect', () => process.exit());
  process.send({ kind: 'up' });
} else {
  const child = fork(__filename, [kind, size, millis, 'child']);
  (kind === 'rate' ? rate : trip)(child);
}
