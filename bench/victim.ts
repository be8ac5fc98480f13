import { TTL_MS } from '../src/cli/demo/workload.js';
import type { Job } from './job.js';
import { load, randomOrder, sampleOf } from './population.js';
import { openerOf } from './subjects.js';

export interface VictimOrder {
  readonly job: Job;
  readonly directory: string;
  /** Whether to renew every lease after the checkpoint. */
  readonly renew: boolean;
}

/*
 * The process that recovery is measured after: loads a store, makes a checkpoint where there are any, renews as many leases
 * as there are, says so, and goes on renewing until it is killed. argv: the order as JSON.
 */

const BATCH = 1000;
/** No checkpoint comes by itself in between. */
const NO_CHECKPOINTS = { checkpointWalBytesMin: 2 ** 40 };

const { job, directory, renew }: VictimOrder = JSON.parse(process.argv[2]);
const open = await openerOf(job.engine);
const tokens = new Float64Array(job.leases);
const subject = await open({ ...job, directory, options: { ...job.options, ...NO_CHECKPOINTS }, tokens });
await load(subject, job.leases, TTL_MS, () => {});
await subject.checkpoint?.();
const sample = sampleOf(job.seed, job.leases);
subject.hold(sample);
if (renew) {
  const order = randomOrder(job.seed, sample.keys.length);
  for (let done = 0; done < job.leases; done += BATCH) {
    const at = done % (order.length - BATCH);
    await subject.renewMany(order, at, at + BATCH);
  }
}
process.send?.('ready');
while (renew) await subject.renew(0);
