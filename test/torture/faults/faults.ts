import { clock } from './clock.js';
import type { Fault } from './fault.js';
import { kill } from './kill.js';
import { loop } from './loop.js';
import { stop } from './stop.js';
import { strace } from './strace.js';
import { tmpfs } from './tmpfs.js';

export const FAULTS: readonly Fault[] = [kill, strace, tmpfs, loop, stop, clock];
