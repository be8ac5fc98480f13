// timeout: 180s
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LeaseStoreError } from '../../src/errors.js';
import { lockDirectory } from '../../src/io/directory-lock.js';
import { compareLockNames, formatLockName, parseLockName, TICKET_MAX } from '../../src/io/lock-name.js';

interface Answer {
  readonly locked?: boolean;
  readonly pid?: number;
  readonly code?: string;
  readonly message?: string;
}

const root = fs.mkdtempSync(join(tmpdir(), 'holdfast-lock-'));
const contenders = new Set<Contender>();
test.after.each(async () => {
  for (const contender of contenders) await contender.kill();
});
test.after(() => fs.rmSync(root, { recursive: true, force: true }));

/** A child process with the lock program in it, under `wrapper` (a command that execs or forks the rest). */
class Contender {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(directory: string, wrapper: readonly string[] = []) {
    const program = new URL('./lock-child.js', import.meta.url).pathname;
    const [command, ...rest] = [...wrapper, process.execPath, program, directory];
    this.child = spawn(command!, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.child.stdout!)[Symbol.asyncIterator]();
    contenders.add(this);
  }

  async answer(): Promise<Answer> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the child ended without an answer');
    return JSON.parse(value);
  }

  ask(word: 'lock' | 'release'): Promise<Answer> {
    this.child.stdin!.write(`${word}\n`);
    return this.answer();
  }

  /**
   * Ends it, and what the wrapper forked too: that dies a moment after the child itself, and a race that began meanwhile
   * would rightly be refused. Its end of the pipes closes with its sockets.
   */
  async kill(): Promise<void> {
    contenders.delete(this);
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await closed;
  }
}

async function contender(directory: string, wrapper?: readonly string[]): Promise<Contender> {
  const made = new Contender(directory, wrapper);
  await made.answer();
  return made;
}

let directories = 0;
function freshDirectory(...below: string[]): string {
  const directory = join(root, String(directories++), ...below);
  fs.mkdirSync(directory, { recursive: true });
  return directory;
}

async function refusal(directory: string): Promise<LeaseStoreError> {
  try {
    await (await lockDirectory(directory)).release();
  } catch (error) {
    assert.instance(error, LeaseStoreError);
    return error as LeaseStoreError;
  }
  throw new Error('the lock was given twice');
}

/** Commands that put a child into namespaces of its own, where this machine and user may. */
const canUnshare = (...flags: string[]): boolean => spawnSync('unshare', [...flags, 'true']).status === 0;
const OWN_NETWORK = ['-n'];
const OWN_ALL = ['-n', '-p', '-f', '--kill-child'];
const unshare = (flags: readonly string[]) => ['unshare', ...flags];
const testNetwork = canUnshare(...OWN_NETWORK) ? test : test.skip;
const testContainers = canUnshare(...OWN_ALL) ? test : test.skip;

test('one opener at a time; the next after a release, which leaves nothing behind', async () => {
  const directory = freshDirectory();
  const lock = await lockDirectory(directory);
  const error = await refusal(directory);
  assert.is(error.code, 'ERR_HOLDFAST_LOCKED');
  assert.match(
    error.message,
    new RegExp(`process ${process.pid} \\(this one.* has the store ${directory} open; close`),
  );
  assert.is(fs.readdirSync(directory).length, 1, 'a refused opener cleans up');
  const [name] = fs.readdirSync(directory);
  assert.is(fs.statSync(join(directory, name!)).mode & 0o777, 0o600);
  await Promise.all([lock.release(), lock.release()]);
  assert.equal(fs.readdirSync(directory), []);
  await (await lockDirectory(directory)).release();
});

test('another name for the directory is the same lock', async () => {
  const directory = freshDirectory();
  fs.symlinkSync(directory, `${directory}-link`);
  const lock = await lockDirectory(directory);
  assert.is((await refusal(`${directory}-link`)).code, 'ERR_HOLDFAST_LOCKED');
  await lock.release();
});

test('a missing directory is an error of the file system', async () => {
  const error = await refusal(join(root, 'missing'));
  assert.is(error.code, 'ERR_HOLDFAST_IO');
  assert.match(error.message, /lock .*missing failed: ENOENT; /);
});

test('a holder elsewhere is named, stopped or not; when it is killed the lock is free', async () => {
  const directory = freshDirectory();
  const holder = await contender(directory);
  const { pid } = await holder.ask('lock');
  assert.is(pid, holder.child.pid);
  assert.match((await refusal(directory)).message, new RegExp(`^process ${pid} has the store`));
  holder.child.kill('SIGSTOP');
  assert.match((await refusal(directory)).message, new RegExp(`^process ${pid} has the store`));
  await holder.kill();
  assert.is(fs.readdirSync(directory).length, 1, 'a killed holder leaves its file');
  const lock = await lockDirectory(directory);
  assert.is(fs.readdirSync(directory).length, 1, 'and the next holder removes it');
  await lock.release();
  assert.equal(fs.readdirSync(directory), []);
});

test('the lock keeps no process alive', async () => {
  const directory = freshDirectory();
  const holder = await contender(directory);
  await holder.ask('lock');
  const ended = once(holder.child, 'exit');
  holder.child.stdin!.end();
  assert.equal(await ended, [0, null]);
  await (await lockDirectory(directory)).release();
});

test('a directory whose path does not fit in a socket address', async () => {
  const directory = freshDirectory('d'.repeat(120), 'ü'.repeat(120));
  const holder = await contender(directory);
  assert.is((await holder.ask('lock')).locked, true);
  assert.match((await refusal(directory)).message, new RegExp(`^process ${holder.child.pid} `));
  assert.is(fs.readdirSync(directory).length, 1);
  assert.is((await holder.ask('release')).locked, false);
  assert.equal(fs.readdirSync(directory), []);
  const descriptors = () => (fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : 0);
  const before = descriptors();
  await (await lockDirectory(directory)).release();
  assert.is(descriptors(), before, 'no descriptor is left open');
});

test('workers of a cluster do not share one lock', async () => {
  const directory = freshDirectory();
  const program = new URL('../../src/io/directory-lock.js', import.meta.url).href;
  const script = `
    import cluster from 'node:cluster';
    if (cluster.isPrimary) {
      let left = 2;
      const heard = [];
      for (let i = 0; i < 2; i++) cluster.fork().on('message', (message) => {
        heard.push(message);
        if (--left === 0) { console.log(JSON.stringify(heard.sort())); process.exit(); }
      });
    } else {
      const { lockDirectory } = await import(${JSON.stringify(program)});
      process.send(await lockDirectory(${JSON.stringify(directory)}).then(() => 'locked', ({ code }) => code));
      setInterval(() => {}, 1000);
    }`;
  const file = join(root, 'cluster.mjs');
  fs.writeFileSync(file, script);
  const run = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 20_000 });
  assert.is(run.stdout, '["ERR_HOLDFAST_LOCKED","locked"]\n', run.stderr);
});

/** Rounds of a race for one directory, each ending with the winner killed, so that the next begins with its stale file. */
async function race(contenderCount: number, rounds: number, wrapper: readonly string[]): Promise<void> {
  const directory = freshDirectory();
  const racers = await Promise.all(Array.from({ length: contenderCount }, () => contender(directory, wrapper)));
  for (let round = 0; round < rounds; round++) {
    const answers = await Promise.all(racers.map((racer) => racer.ask('lock')));
    const winners = racers.filter((_, at) => answers[at]!.locked);
    assert.is(winners.length, 1, JSON.stringify(answers));
    for (const { locked, code, message } of answers) assert.ok(locked || code === 'ERR_HOLDFAST_LOCKED', message);
    assert.is(fs.readdirSync(directory).length, 1, 'only the winner is left');
    await winners[0]!.kill();
    racers[racers.indexOf(winners[0]!)] = await contender(directory, wrapper);
  }
  await Promise.all(racers.map((racer) => racer.kill()));
}

test('of twenty racing openers exactly one wins', () => race(20, 3, []));

testNetwork('of twenty racing openers in networks of their own exactly one wins', () =>
  race(20, 3, unshare(OWN_NETWORK)),
);

testContainers('of twelve racing openers in containers of their own, all with pid 1, exactly one wins', () =>
  race(12, 3, unshare(OWN_ALL)),
);

testContainers('a holder in another container is seen, stopped or not, and its death too', async () => {
  const directory = freshDirectory();
  const holder = await contender(directory, unshare(OWN_ALL));
  assert.equal(await holder.ask('lock'), { locked: true, pid: 1 });
  assert.match((await refusal(directory)).message, /^process 1 has the store/);
  const { pid: outer } = holder.child;
  const inside = fs.readFileSync(`/proc/${outer}/task/${outer}/children`, 'utf8').trim();
  process.kill(Number(inside), 'SIGSTOP');
  assert.match((await refusal(directory)).message, /^process 1 has the store/);
  const namesake = await contender(directory, unshare(OWN_ALL));
  const answer = await namesake.ask('lock');
  assert.match(answer.message ?? '', /^process 1 \(this one, or one of the same number in another container\) has/);
  const closed = once(holder.child, 'close');
  process.kill(Number(inside), 'SIGKILL');
  await closed;
  assert.is((await namesake.ask('lock')).locked, true);
});

test('a planted file neither blocks the lock nor takes it away', async () => {
  const directory = freshDirectory();
  const planted = formatLockName({ ticket: TICKET_MAX, pid: 1, nonce: 'ffffffff' });
  fs.writeFileSync(join(directory, planted), '');
  const lock = await lockDirectory(directory);
  const own = fs.readdirSync(directory);
  assert.is(own.length, 1);
  assert.is.not(own[0], planted);
  assert.is((await refusal(directory)).code, 'ERR_HOLDFAST_LOCKED');
  await lock.release();
});

test('names', () => {
  const name = { ticket: 7, pid: 42, nonce: '00c0ffee' };
  assert.is(formatLockName(name), 'lock.7.42.00c0ffee.sock');
  assert.equal(parseLockName(formatLockName(name)), name);
  for (const other of ['lock', 'lock.7.42.sock', 'lock.7.42.00C0FFEE.sock', 'lock.-7.42.00c0ffee.sock', 'manifest']) {
    assert.is(parseLockName(other), undefined);
  }
  assert.ok(compareLockNames({ ...name, ticket: 10 }, name) > 0, 'by number, not by text');
  assert.ok(compareLockNames(name, { ...name, pid: 43 }) < 0);
  assert.ok(compareLockNames({ ...name, pid: 43 }, name) > 0);
});

test.run();
