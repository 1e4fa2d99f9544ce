/** The other end of `launcher.ts`: what a process that the launcher has started does first. */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { FrameChannel, OnFrame } from './frame-channel.ts';
import { createFrameChannel } from './frame-channel.ts';
import type { Introduction } from './launcher-protocol.ts';

/**
 * Work can block this process's loop for ever, so a thread of its own watches for the end of the launcher, which is the
 * gateway's. The launcher says who it is: asking here could already give the process that inherits orphans.
 */
const watchParent = `
const { workerData } = require('node:worker_threads');
setInterval(() => { if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL'); }, 250);
`;
/**
 * The launcher kills what it has started when the gateway goes; the watch is for the case that both go at once. A thread
 * costs 60 ms of CPU, so it comes when the start is over: many processes start together.
 */
const watchAfterMs = 1_000;

/** Should memory run out, the kernel takes this process and not the gateway. Linux only; elsewhere there is no such file. */
const volunteerForOutOfMemory = (): void => {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Not Linux, or not allowed: the gateway's own memory watch remains.
  }
};

/**
 * Connects this process to its gateway. It ends with the gateway: at once while its loop is free, by the watch while it is not.
 * A signal that reaches the whole process group does not end it.
 */
export const joinGateway = (onFrame: OnFrame): FrameChannel => {
  const { address, token, parentPid }: Introduction = JSON.parse(readFileSync(0, 'utf8'));
  volunteerForOutOfMemory();
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  const socket = connect(address);
  socket.on('error', () => process.exit(1));
  socket.on('close', () => process.exit(0));
  socket.write(token);
  setTimeout(() => {
    new Worker(watchParent, { eval: true, workerData: parentPid, env: {}, resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();
  }, watchAfterMs).unref();
  return createFrameChannel(socket, onFrame);
};
