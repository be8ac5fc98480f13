// What the profilers look at: workloads of the bench on one engine, in one process.
import { parseArgs } from 'node:util';
import { fail } from './setup.mjs';

/** The job of the bench's child that the arguments ask for, without its directory. */
export function benchJob(args) {
  const { values, positionals } = parse(args);
  const length = Number(values.length);
  const leases = Number(values.leases);
  if (!(length > 0) || !Number.isInteger(leases) || leases < 100)
    fail('--length takes a number, --leases a whole one from 100.');
  const job = {
    engine: values.engine,
    durability: values.durability,
    leases,
    seed: 1,
    run: 0,
    length,
    workloads: values.only.split(','),
    options: {},
  };
  return { values, positionals, job };
}

function parse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        only: { type: 'string', default: 'renew-256,renew-batch,get' },
        engine: { type: 'string', default: 'cow-btree' },
        durability: { type: 'string', default: 'written' },
        leases: { type: 'string', default: '200000' },
        // As a share of the bench's measurements.
        length: { type: 'string', default: '1' },
      },
    });
  } catch (error) {
    fail(error.message);
  }
}
