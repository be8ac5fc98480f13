import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seedFrom } from '../support/env.js';
import { Random } from '../support/tree-random.js';
import type { Fault, Ordeal } from './faults/fault.js';
import { FAULTS } from './faults/faults.js';
import { inOwnNamespace } from './namespace.js';
import { Session } from './session.js';

/*
 * npm run torture: real faults against real processes and real files, one after the other until the time is over. Each
 * run is a store of its own, used by processes that know nothing but the public API; after each fault the store is
 * opened again and compared with what was acknowledged.
 */

const USAGE = `Usage: npm run torture -- [--minutes N] [--seed S] [--only ${FAULTS.map(({ name }) => name).join(',')}]

  --minutes N  how long (1); each fault runs once in any case
  --seed S     picks what happens, 0 to 4294967295 (any); times of day and of threads are not in it
  --only LIST  these faults only
`;

interface Tally {
  readonly fault: Fault;
  readonly unavailable: string | undefined;
  runs: number;
  kills: number;
  openings: number;
  acknowledged: number;
  reads: number;
  seconds: number;
}

interface Arguments {
  readonly minutes: number;
  readonly seed: number;
  readonly faults: readonly Fault[];
}

const given = readArguments();
if (given === undefined) process.exitCode = 2;
else if (!inOwnNamespace()) process.exitCode = await torture(given);

async function torture({ minutes, seed, faults }: Arguments): Promise<number> {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-torture-'));
  console.log(`torture: seed ${seed}, ${minutes} min, Node ${process.version}`);
  const tallies = faults.map((fault) => ({
    ...{ fault, unavailable: fault.unavailable() },
    ...{ runs: 0, kills: 0, openings: 0, acknowledged: 0, reads: 0, seconds: 0 },
  }));
  for (const { fault, unavailable } of tallies) {
    if (unavailable !== undefined) console.log(`skipped  ${fault.name}: ${unavailable}`);
  }
  const able = tallies.filter(({ unavailable }) => unavailable === undefined);
  const endMs = performance.now() + minutes * 60_000;
  for (let run = 0; able.length > 0; run++) {
    const tally = able[run % able.length];
    if (run >= able.length && performance.now() >= endMs) break;
    const scratch = join(root, `${String(run).padStart(4, '0')}-${tally.fault.name}`);
    const error = await runOne(tally, scratch, new Random(seed + run * 7919));
    if (error !== undefined) {
      console.log(`FAILED   ${tally.fault.name}, run ${run} of seed ${seed}: ${error.message}\nevidence: ${scratch}`);
      writeFileSync(join(scratch, 'error.txt'), `seed ${seed}, run ${run}\n${error.stack}\n`);
      return 1;
    }
    rmSync(scratch, { recursive: true, force: true });
  }
  rmSync(root, { recursive: true, force: true });
  for (const tally of able) console.log(lineOf(tally));
  return 0;
}

/** Runs a fault once; answers what went wrong. */
async function runOne(tally: Tally, scratch: string, random: Random): Promise<Error | undefined> {
  mkdirSync(scratch, { recursive: true });
  const sessions: Session[] = [];
  const ordeal: Ordeal = {
    random,
    run: tally.runs,
    scratch,
    session: (options = {}) => {
      const evidence = join(scratch, `session-${sessions.length}`);
      const session = new Session({ evidence, directory: join(evidence, 'store'), random, ...options });
      sessions.push(session);
      return session;
    },
    sessionsEnd: async () => {
      for (const session of sessions) await session.destroy();
    },
  };
  const startedMs = performance.now();
  try {
    await tally.fault.run(ordeal);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    await ordeal.sessionsEnd();
    for (const session of sessions) {
      tally.kills += session.kills;
      tally.openings += session.model.openings;
      tally.acknowledged += session.model.acknowledged;
      tally.reads += session.model.reads;
    }
    tally.runs++;
    tally.seconds += (performance.now() - startedMs) / 1000;
  }
}

function lineOf({ fault, runs, kills, openings, acknowledged, reads, seconds }: Tally): string {
  const number = (value: number) => value.toLocaleString('en');
  return (
    `ok       ${fault.name.padEnd(6)} ${runs} runs, ${seconds.toFixed(0)} s: ${fault.what}; ${kills} kills, ` +
    `${openings} openings, ${number(acknowledged)} acknowledgements and ${number(reads)} reads as owed`
  );
}

function readArguments(): Arguments | undefined {
  try {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({ options: { minutes: text, seed: text, only: text } });
    const minutes = Number(values.minutes ?? 1);
    if (!(minutes >= 0 && minutes <= 100_000)) throw new Error(`--minutes must be a number, not '${values.minutes}'`);
    const names = values.only?.split(',') ?? FAULTS.map(({ name }) => name);
    const faults = names.map((name) => {
      const fault = FAULTS.find((each) => each.name === name);
      if (fault === undefined) throw new Error(`there is no fault '${name}'`);
      return fault;
    });
    return { minutes, seed: seedFrom(values.seed ?? process.env.HOLDFAST_SEED ?? String(randomInt(2 ** 32))), faults };
  } catch (error) {
    console.error(`torture: ${(error as Error).message}\n\n${USAGE}`);
    return undefined;
  }
}
