// Messages over process.send: node messages.js <rate|trip|pipeline> <size> <ms>
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

// Keeps so many messages on their way there and back; the child then says what it spent.
function trips(child, underWay, say) {
  const times = [];
  let count = 0;
  let began;
  let before;
  let end;
  let sent;
  const ping = () => {
    sent = process.hrtime.bigint();
    child.send({ kind: 'ping', text });
  };
  child.on('message', (message) => {
    const now = process.hrtime.bigint();
    if (message.kind === 'end') {
      say(times, count, now - began, cpu() - before + message.cpu);
      child.kill('SIGKILL');
      return;
    }
    if (message.kind === 'up') {
      began = now;
      before = cpu();
      end = now + BigInt(millis) * 1000000n;
      for (let index = 0; index < underWay; index += 1) ping();
      return;
    }
    count += 1;
    if (underWay === 1) times.push(Number(now - sent));
    if (now < end) ping();
    else if (end !== 0n) {
      child.send({ kind: 'end' });
      end = 0n;
    }
  });
}

function sayTrips(times, count, elapsed, spent) {
  times.sort((a, b) => a - b);
  console.log(`done trips=${count} p50=${times[Math.floor(times.length / 2)]} cpu=${spent}`);
}

function sayRate(times, count, elapsed, spent) {
  console.log(`done messages=${count} elapsed=${elapsed} cpu=${spent}`);
}

function sendBack() {
  const before = cpu();
  process.on('message', (message) => {
    process.send(message.kind === 'end' ? { kind: 'end', cpu: cpu() - before } : message);
  });
}

if (role === 'child') {
  if (kind === 'rate') process.on('message', sendAll);
  else sendBack();
  process.on('disconnect', () => process.exit());
  process.send({ kind: 'up' });
} else {
  const child = fork(__filename, [kind, size, millis, 'child']);
  if (kind === 'rate') rate(child);
  else if (kind === 'trip') trips(child, 1, sayTrips);
  else trips(child, 64, sayRate);
}
