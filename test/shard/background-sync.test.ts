import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createControl,
  DURABLE_LSN,
  HEALTH_SYNC_FAILED,
  SEGMENT,
  WRITTEN_LSN,
} from '../../native-layout/shard-control.js';
import { Control } from '../../src/memory/control.js';
import { BackgroundSync } from '../../src/shard/background-sync.js';
import { settleDeadSync } from '../../src/shard/dead-thread.js';
import { Bell } from '../../src/shard/bell.js';
import { segmentPath } from '../../src/wal/segment.js';
import { seed } from '../support/env.js';
import { FaultFileSystem } from '../support/fault-file-system.js';

/** Logs of as many shards, each with one segment that is on the disk, and what syncs them. */
function logs(shards: number): { files: FaultFileSystem; controls: Control[]; sync: BackgroundSync } {
  const files = new FaultFileSystem();
  const controls = Array.from({ length: shards }, (_, shard) => {
    files.makeDirectory(directoryOf(shard));
    const control = new Control(createControl(shard, 2048));
    begin(files, control, shard, 1);
    return control;
  });
  files.syncDirectory('/');
  const told = controls.map((control, shard) => ({ control, directory: directoryOf(shard) }));
  return { files, controls, sync: new BackgroundSync(files, told, new Bell(Bell.create()), 1) };
}

const directoryOf = (shard: number): string => `/shard-${shard}`;

/** As a shard begins a segment. */
function begin(files: FaultFileSystem, control: Control, shard: number, segment: number): void {
  const file = files.open(segmentPath(directoryOf(shard), segment), 'create');
  file.fsync();
  file.close();
  files.syncDirectory(directoryOf(shard));
  control.setLsn(SEGMENT, segment);
}

/** As a shard writes up to `lsn`: as many bytes. */
function write(files: FaultFileSystem, control: Control, shard: number, lsn: number): void {
  const file = files.open(segmentPath(directoryOf(shard), control.lsn(SEGMENT)), 'write');
  const from = file.size();
  file.write(new Uint8Array(lsn).fill(1), 0, lsn, from);
  file.close();
  control.setLsn(WRITTEN_LSN, lsn);
}

const durable = (control: Control) => control.lsn(DURABLE_LSN);

test('what is written is synced once, and nothing else is', () => {
  const { files, controls, sync } = logs(2);
  assert.not(sync.syncAll());
  write(files, controls[1], 1, 7);
  assert.ok(sync.syncAll());
  assert.equal(controls.map(durable), [0, 7]);
  for (const image of files.images(seed, 20)) assert.is(image.digest(), files.digest());
  const { steps } = files;
  assert.not(sync.syncAll());
  assert.is(files.steps, steps);
});

test('what is written while a sync is under way is not durable by it', () => {
  const { files, controls, sync } = logs(1);
  const [control] = controls;
  write(files, control, 0, 5);
  files.beforeStep = () => {
    files.beforeStep = undefined;
    control.setLsn(WRITTEN_LSN, 9);
  };
  assert.ok(sync.syncAll());
  assert.is(durable(control), 5);
  assert.ok(sync.syncAll());
  assert.is(durable(control), 9);
});

test('the segment that is written now is the one that is synced', () => {
  const { files, controls, sync } = logs(1);
  const [control] = controls;
  write(files, control, 0, 5);
  sync.syncAll();
  begin(files, control, 0, 2);
  write(files, control, 0, 8);
  assert.ok(sync.syncAll());
  assert.is(durable(control), 8);
  for (const image of files.images(seed, 20)) assert.is(image.digest(), files.digest());
  assert.is(files.openFiles, 1, 'the old descriptor was given back');
});

test('a failure is final for its shard, whatever failed, and for no other', () => {
  for (const fault of [
    { code: 'EIO', operation: 'fdatasync' },
    { code: 'EACCES', operation: 'open' },
  ] as const) {
    const { files, controls, sync } = logs(2);
    for (const [shard, control] of controls.entries()) write(files, control, shard, 3);
    files.inject({ ...fault, path: /shard-0/ });
    assert.ok(sync.syncAll());
    assert.ok(controls[0].health & HEALTH_SYNC_FAILED);
    assert.equal(controls.map(durable), [0, 3]);
    const { steps } = files;
    write(files, controls[0], 0, 6);
    assert.not(sync.syncAll(), 'its descriptor is never synced again');
    assert.is(files.steps, steps + 1);
    write(files, controls[1], 1, 6);
    assert.ok(sync.syncAll());
    assert.equal(controls.map(durable), [0, 6]);
  }
});

test('without a descriptor nothing is lost: the log is synced as soon as there is one', () => {
  const { files, controls, sync } = logs(2);
  for (const [shard, control] of controls.entries()) write(files, control, shard, 3);
  sync.syncAll();
  begin(files, controls[0], 0, 2);
  for (const [shard, control] of controls.entries()) write(files, control, shard, 5);
  for (const code of ['EMFILE', 'ENFILE'] as const) {
    const end = files.inject({ code, operation: 'open', path: /shard-0/ });
    assert.ok(sync.syncAll(), 'it has more to do');
    end();
    assert.equal(
      controls.map(({ health }) => health),
      [0, 0],
    );
    assert.equal(controls.map(durable), [3, 5]);
  }
  assert.ok(sync.syncAll());
  assert.equal(controls.map(durable), [5, 5]);
  assert.is(files.openFiles, 2);
});

test('a thread that dies during a sync has failed it; the other logs go on with the next thread', () => {
  const { files, controls, sync } = logs(2);
  for (const [shard, control] of controls.entries()) write(files, control, shard, 3);
  sync.syncAll();
  settleDeadSync(controls);
  assert.equal(
    controls.map(({ health }) => health),
    [0, 0],
    'between two syncs nothing is lost',
  );
  write(files, controls[1], 1, 6);
  files.beforeStep = () => {
    files.beforeStep = undefined;
    settleDeadSync(controls);
    throw new Error('the thread is gone');
  };
  sync.syncAll();
  assert.equal(
    controls.map(({ health }) => health),
    [0, HEALTH_SYNC_FAILED],
  );
  const directories = controls.map((control, shard) => ({ control, directory: directoryOf(shard) }));
  const next = new BackgroundSync(files, directories, new Bell(Bell.create()), 1);
  write(files, controls[0], 0, 5);
  assert.ok(next.syncAll());
  assert.equal(controls.map(durable), [5, 3]);
  settleDeadSync(controls);
  assert.is(controls[0].health, 0);
});

test.run();
