// What clinic starts: the bench's child, with clinic's own recording kept to the calling thread.
//
// Clinic is loaded into every thread, and all of them would write to one file, which it then cannot read. Threads take the
// environment as it is when they start, so from here on they record under another name.
for (const tool of ['DOCTOR', 'BUBBLEPROF']) process.env[`NODE_CLINIC_${tool}_NAME`] = `${process.pid}-threads`;

await import('../dist/bench/child.js');
