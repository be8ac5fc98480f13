import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ClientBell } from '../../src/mailbox/client-bell.js';

for (const rings of [0, 2 ** 31 - 1, 2 ** 32 - 1]) {
  test(`whoever waits hears the bell after ${rings} rings`, async () => {
    const buffer = ClientBell.create();
    new Uint32Array(buffer)[0] = rings;
    const [client, shard] = [new ClientBell(buffer), new ClientBell(buffer)];
    for (let i = 0; i < 3; i++) {
      let heard = false;
      const waited = client
        .wait(() => false, 60_000)
        .then(() => {
          heard = true;
        });
      await new Promise((resolve) => setImmediate(resolve));
      assert.not(heard);
      // Nothing else keeps this process alive while it waits.
      const alive = setTimeout(() => {}, 60_000);
      shard.ring();
      await waited;
      clearTimeout(alive);
    }
    assert.is(new Uint32Array(buffer)[0], (rings + 3) % 2 ** 32);
  });
}

test('what came before the client could be seen to wait is not slept through', async () => {
  await new ClientBell(ClientBell.create()).wait(() => true, 60_000);
});

test('a nap ends by itself, at once if something has come, and leaves nobody waiting', () => {
  const buffer = ClientBell.create();
  const bell = new ClientBell(buffer);
  bell.nap(() => true, 60_000);
  let asked = 0;
  bell.nap(() => ++asked < 0, 0.1);
  assert.is(asked, 1);
  bell.ring();
  assert.equal([...new Int32Array(buffer).subarray(0, 2)], [0, 0], 'nobody waits, so nothing rings');
});

test.run();
