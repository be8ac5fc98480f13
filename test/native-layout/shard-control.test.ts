import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as layout from '../../native-layout/shard-control.js';

const LINE_WORDS = 16;

/** Words that different threads write, each of which must be alone on its cache line. */
const ALONE: Record<string, number> = {
  current: layout.CURRENT,
  doorbell: layout.DOORBELL,
  health: layout.HEALTH,
  'written LSN': layout.WRITTEN_LSN * 2,
  'durable LSN': layout.DURABLE_LSN * 2,
  counters: layout.counterIndex(layout.COUNTERS[0]) * 2,
  histograms: layout.histogramIndex(layout.HISTOGRAMS[0]),
  'reader rows': layout.rowIndex(0),
  'commit slots': layout.commitSlotIndex(0),
};

test('words of different writers start cache lines of their own', () => {
  const lines = new Set<number>();
  for (const [name, at] of Object.entries(ALONE)) {
    assert.is(at % LINE_WORDS, 0, name);
    lines.add(at / LINE_WORDS);
  }
  assert.is(lines.size, Object.keys(ALONE).length);
  for (let row = 0; row < layout.READER_ROWS; row++) assert.is(layout.rowIndex(row) % LINE_WORDS, 0, `row ${row}`);
});

test('rows and slots do not overlap, and end with the block', () => {
  const rowWords = layout.rowIndex(1) - layout.rowIndex(0);
  assert.is(layout.ROW_PINS + layout.PINS_PER_ROW, layout.ROW_DEADLINES);
  assert.is(layout.ROW_DEADLINES + layout.PINS_PER_ROW, rowWords);
  assert.is(layout.rowIndex(layout.READER_ROWS), layout.commitSlotIndex(0));
  assert.is(layout.commitSlotIndex(layout.COMMIT_SLOTS) * 4, layout.CONTROL_BYTES);
});

test('every counter and histogram has a place of its own', () => {
  const cells = layout.COUNTERS.map(layout.counterIndex);
  assert.is(new Set(cells).size, layout.COUNTERS.length);
  assert.ok((Math.max(...cells) + 1) * 2 <= layout.histogramIndex(layout.HISTOGRAMS[0]));
  const last = layout.histogramIndex(layout.HISTOGRAMS[layout.HISTOGRAMS.length - 1]) + layout.HISTOGRAM_BUCKETS;
  assert.ok(last <= layout.rowIndex(0));
});

test('there are more slots than pins, and no pin looks like an ousted one', () => {
  assert.ok(layout.COMMIT_SLOTS >= layout.READER_ROWS * layout.PINS_PER_ROW + 2);
  assert.ok(layout.COMMIT_SLOTS < layout.PIN_OUSTED);
});

test('a fresh block is zeros but for its name', () => {
  const words = new Uint32Array(layout.createControl(7, 4096));
  assert.is(words[layout.SHARD], 7);
  assert.is(words[layout.NODE_BYTES], 4096);
  const set = [layout.MAGIC, layout.SHARD, layout.NODE_BYTES];
  assert.ok(words.every((word, at) => (word !== 0) === set.includes(at)));
});

test.run();
