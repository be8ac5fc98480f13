import { readFileSync } from 'node:fs';
import { actor } from '../../src/cli/demo/workload.js';
import { EngineSubject } from '../engine-subject.js';
import type { Subject } from '../subject.js';
import { pipelined } from './drive.js';
import type { Workload } from './workload.js';

/** Every lease renewed each five minutes, for an hour. */
const RENEWALS_A_LEASE = 12;
/** Slow subjects get less than the hour: enough to see what a renewal costs the disk. */
const SECONDS_MAX = 120;
const BATCH = 1000;
/** What a lease is, besides its key: deadline, token, ttl, owner, renewals and room for a session. */
const RECORD_BYTES = 32;

/** Disk bytes for an hour's renewals, with checkpoints and compactions as they come. */
export const amplification: Workload = {
  name: 'write-amplification',
  about: `${RENEWALS_A_LEASE} renewals of each lease in random order: bytes that the kernel was made to write / bytes of keys and records`,
  synced: false,
  async run(bench) {
    const { subject, order, job } = bench;
    if (subject.level === 'none') return;
    const before = writtenBytes();
    if (before === undefined) return;
    const extent = bench.extent(job.leases * RENEWALS_A_LEASE, SECONDS_MAX);
    const logBefore = walBytes(subject);
    const places = order.length - BATCH;
    let renewals = 0;
    await pipelined(2, BATCH, extent, (from) => {
      if (from % 1_000_000 === 0) bench.progress(`${from} of ${extent.operations}`);
      renewals += BATCH;
      const at = from % places;
      return subject.renewMany(order, at, at + BATCH);
    });
    const after = writtenBytes();
    if (after === undefined) return;
    const { type, id } = actor(job.seed, 0);
    const bytes = renewals * (type.length + id.length + RECORD_BYTES);
    bench.report('renewals', renewals, 'renewals');
    bench.report('disk', (after.disk - before.disk) / bytes, '×');
    if (logBefore !== undefined)
      bench.report('disk/log', (after.disk - before.disk) / (walBytes(subject)! - logBefore), '×');
    bench.report('calls', (after.calls - before.calls) / bytes, '×');
  },
};

/** What the default engine wrote to its log; others do not say. */
function walBytes(subject: Subject): number | undefined {
  return subject instanceof EngineSubject ? subject.tree()?.walBytes : undefined;
}

/** What all threads of the process wrote so far: into the page cache to be written out, and by calls. Linux counts it. */
function writtenBytes(): { readonly disk: number; readonly calls: number } | undefined {
  try {
    const text = readFileSync('/proc/self/io', 'utf8');
    const value = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1]);
    return { disk: value('write_bytes') - value('cancelled_write_bytes'), calls: value('wchar') };
  } catch {
    return undefined;
  }
}
