import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as layout from '../../native-layout/shard-control.js';
import { Control } from '../../src/memory/control.js';
import { AT } from '../../src/metrics/counters.js';
import { type HealthEvent, HealthWatch } from '../../src/metrics/health.js';

const DIRECTORY = '/of/a/store';

function watched(): { controls: Control[]; watch: HealthWatch; heard: HealthEvent[]; end: () => void } {
  const controls = [0, 1].map((shard) => new Control(layout.createControl(shard, 4096)));
  const heard: HealthEvent[] = [];
  const listen = (message: unknown) => {
    const event = message as HealthEvent;
    if (event.directory === DIRECTORY) heard.push(event);
  };
  subscribe('holdfast:health', listen);
  const watch = new HealthWatch(DIRECTORY, controls);
  const end = () => {
    watch.close();
    unsubscribe('holdfast:health', listen);
  };
  return { controls, watch, heard, end };
}

async function looked(heard: readonly HealthEvent[], count: number): Promise<void> {
  for (let i = 0; heard.length < count && i < 400; i++) await new Promise((resolve) => setTimeout(resolve, 25));
}

test('a healthy store has nothing to tell', () => {
  const { watch, heard, end } = watched();
  assert.equal(watch.now, {
    ok: true,
    shards: [
      { shard: 0, degraded: [], restarts: 0, snapshotsOusted: 0 },
      { shard: 1, degraded: [], restarts: 0, snapshotsOusted: 0 },
    ],
  });
  end();
  assert.equal(heard, []);
});

for (const [flag, degradation] of [
  [layout.HEALTH_SYNC_FAILED, 'sync-failed'],
  [layout.HEALTH_DOWN, 'down'],
  [layout.HEALTH_DAMAGED, 'damaged'],
  [layout.HEALTH_DISK_FULL, 'disk-full'],
  [layout.HEALTH_CHECKPOINT_FAILING, 'checkpoint-failing'],
  [layout.HEALTH_CLOCK_CLAMPED, 'clock-clamped'],
] as const) {
  test(`${degradation}: shown at once, told when it begins and when it ends`, async () => {
    const { controls, watch, heard, end } = watched();
    controls[1].raise(flag);
    assert.not.ok(watch.now.ok);
    assert.equal(watch.now.shards[1].degraded, [degradation]);
    await looked(heard, 1);
    assert.equal(heard, [{ directory: DIRECTORY, shard: 1, event: 'degraded', degradation }]);
    controls[1].clear(flag);
    assert.ok(watch.now.ok);
    await looked(heard, 2);
    assert.equal(heard.slice(1), [{ directory: DIRECTORY, shard: 1, event: 'recovered', degradation }]);
    end();
  });
}

test('restarts and ousted snapshots are told each time, the last ones when the store closes', () => {
  const { controls, heard, end } = watched();
  controls[0].words[layout.RESTARTS] = 2;
  controls[1].doubles[AT.snapshotsOusted] = 1;
  end();
  assert.equal(
    heard.map(({ shard, event }) => `${shard} ${event}`),
    ['0 restarted', '0 restarted', '1 snapshot-ousted'],
  );
});

test.run();
