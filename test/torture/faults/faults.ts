import type { Fault } from './fault.js';
import { kill } from './kill.js';
import { stop } from './stop.js';

export const FAULTS: readonly Fault[] = [kill, stop];
