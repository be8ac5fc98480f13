import { openerOf } from './subjects.js';
import { type Job, tellParent } from './job.js';
import { runShared } from './run-shared.js';
import { SOLO } from './workloads/list.js';
import { SoloBench } from './workloads/workload.js';

/*
 * One subject in a process of its own, so that neither memory nor a crash of one touches another. argv: the job as JSON.
 */

const job: Job = JSON.parse(process.argv[2]);
const open = await openerOf(job.engine);
const solo = SOLO.find(({ name }) => name === job.workloads[0]);
if (solo === undefined) await runShared(job, open);
else await solo.run(new SoloBench(job, solo.name, open));
tellParent({ kind: 'done' });
process.disconnect?.();
