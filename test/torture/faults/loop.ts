import { closeSync, constants, openSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Fault, Ordeal } from './fault.js';
import { mountOn, tool, unmount, whyNoMounts } from './mounts.js';

const ROUNDS = 3;
const IMAGE_BYTES = 48 << 20;
/** Each loses something else when the power goes. */
const MOUNT_OPTIONS = ['loop', 'loop,data=writeback', 'loop,nodelalloc', 'loop,data=journal', 'loop,commit=1'];
/** `_IOR('X', 125, __u32)`: from now on no write reaches the device. */
const EXT4_IOC_SHUTDOWN = 0x8004587d;
/** Not even what the journal has in memory. */
const SHUTDOWN_WITHOUT_LOG = 2;

/** The power goes: an ext4 of its own, cut from its device with all that was not synced. */
export const loop: Fault = {
  name: 'loop',
  what: 'a power cut under a loop-mounted ext4',
  unavailable: () =>
    whyNoMounts((directory) => {
      const disk = new Disk(directory);
      disk.mount('loop');
      disk.cut();
      disk.unmount();
    }),
  async run(ordeal: Ordeal): Promise<void> {
    const disk = new Disk(ordeal.scratch);
    try {
      await cutAgainAndAgain(ordeal, disk);
    } finally {
      await ordeal.sessionsEnd();
      disk.unmount();
    }
  },
};

async function cutAgainAndAgain(ordeal: Ordeal, disk: Disk): Promise<void> {
  const { random } = ordeal;
  const session = ordeal.session({
    directory: join(disk.directory, 'store'),
    // With one shard, what survives can be shown to be a prefix.
    shards: random.pick([1, 1, 2]),
  });
  for (let round = 0; round < ROUNDS; round++) {
    disk.mount(random.pick(MOUNT_OPTIONS));
    const opening = round > 0 && random.chance(0.3);
    if (opening) session.start();
    else await session.open();
    // A whole interval of the journal now and then.
    await session.pause(opening ? 100 : 20, opening ? 600 : random.pick([300, 300, 6000]));
    await session.losePower(() => disk.cut());
    disk.unmount();
  }
  disk.mount(random.pick(MOUNT_OPTIONS));
  await session.settle();
}

/** An ext4 in a file. */
class Disk {
  readonly directory: string;
  readonly #image: string;
  #mounted = false;

  constructor(scratch: string) {
    this.directory = join(scratch, 'ext4');
    this.#image = join(scratch, 'image');
    writeFileSync(this.#image, '');
    truncateSync(this.#image, IMAGE_BYTES);
    tool('mkfs.ext4', '-q', '-F', this.#image);
  }

  mount(options: string): void {
    mountOn(this.directory, '-t', 'ext4', '-o', options, this.#image);
    this.#mounted = true;
  }

  /**
   * Takes the power away: what the device does not have is lost. Nobody may be left who hears what a sync answers that
   * is under way: ext4 drops its transaction, then finds none to wait for, and tells of success (seen on Linux 6.18 in
   * 66 of 400 cuts under a loop of nothing but `write` and `fdatasync`; in none of 600 once its process was killed).
   */
  cut(): void {
    const fd = openSync(this.directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      shutDown(fd);
    } finally {
      closeSync(fd);
    }
  }

  unmount(): void {
    if (this.#mounted) unmount(this.directory);
    this.#mounted = false;
  }
}

function shutDown(fd: number): void {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const ioctl = koffi.load(null).func('int ioctl(int fd, unsigned long request, uint32_t *argument)');
  if (ioctl(fd, EXT4_IOC_SHUTDOWN, [SHUTDOWN_WITHOUT_LOG]) !== 0) {
    throw new Error(`the SHUTDOWN ioctl of ext4 failed with errno ${koffi.errno()}`);
  }
}
