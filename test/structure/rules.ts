import type { Import } from './import-graph.js';

/** What part of the tree may lean on what. A path ending in `/` means all below it; node:fs means node:fs/promises too. */
export interface Rule {
  why: string;
  files: readonly string[];
  except?: readonly string[];
  /** The only targets allowed ... */
  may?: readonly string[];
  /** ... or those that are not. `node:` means every built-in module. */
  mustNot?: readonly string[];
  /** Without it, imports of every kind are meant. */
  kind?: Import['kind'];
}

const SHIPPED = ['src/', 'workers/', 'native-layout/'];
/** Folders of storage engines; what else lies in src/engines is shared by them. */
const ENGINES = ['cow-btree', 'memory', 'rocksdb', 'lsm', 'mmap-wal', 'append-log'];
const OPTIONAL_PEERS = ['koffi', 'classic-level', '@nxtedition/rocksdb'];

const engineFiles = (name: string) => [`src/engines/${name}.ts`, `src/engines/${name}/`];

export const RULES: readonly Rule[] = [
  {
    why: 'the layout of bytes depends on nothing',
    files: ['native-layout/'],
    may: ['native-layout/'],
  },
  {
    why: 'the tree is pure: no files, no threads, no clock, no log',
    files: ['src/tree/'],
    may: ['src/tree/', 'src/memory/', 'src/assert.ts', 'src/key.ts', 'native-layout/'],
  },
  {
    why: 'memory knows no tree and no files',
    files: ['src/memory/'],
    may: ['src/memory/', 'src/assert.ts', 'src/errors.ts', 'src/key.ts', 'native-layout/'],
  },
  {
    why: 'the table is three trees in one commit, as pure as they are',
    files: ['src/table/'],
    may: ['src/table/', 'src/tree/', 'src/memory/', 'src/assert.ts', 'src/errors.ts', 'src/key.ts', 'native-layout/'],
  },
  {
    why: 'log and checkpoint know no tree: recovery joins them',
    files: ['src/wal/', 'src/checkpoint/'],
    mustNot: ['src/tree/', 'src/table/', 'src/recovery/', 'src/shard/', 'src/client/', 'src/engines/'],
  },
  {
    why: 'log and checkpoint do not know each other',
    files: ['src/wal/'],
    mustNot: ['src/checkpoint/'],
  },
  {
    why: 'log and checkpoint do not know each other',
    files: ['src/checkpoint/'],
    mustNot: ['src/wal/'],
  },
  {
    why: 'a client reads shared memory and sends requests; files are the shards’ business',
    files: ['src/client/'],
    mustNot: ['src/wal/', 'src/io/', 'src/checkpoint/', 'src/recovery/'],
  },
  {
    why: 'the file system has one seam',
    files: SHIPPED,
    except: ['src/io/', 'src/cli/'],
    mustNot: ['node:fs'],
  },
  {
    why: 'the clock is passed in',
    files: ['src/wal/', 'src/checkpoint/', 'src/mailbox/', 'src/io/file-system.ts'],
    mustNot: ['src/clock.ts', 'node:perf_hooks'],
  },
  {
    why: 'these run on whatever thread they are called on',
    files: ['src/tree/', 'src/table/', 'src/wal/', 'src/checkpoint/', 'src/memory/', 'src/mailbox/', 'native-layout/'],
    mustNot: ['node:worker_threads', 'piscina', 'comlink'],
  },
  {
    why: 'a worker entry is started by its URL, never imported',
    files: ['src/', 'native-layout/', 'test/', 'bench/', 'workers/'],
    mustNot: ['workers/'],
  },
  {
    why: 'what ships does not lean on the command line, tests or benchmarks',
    files: SHIPPED,
    except: ['src/cli/'],
    mustNot: ['src/cli/', 'test/', 'bench/', 'scripts/'],
  },
  {
    why: 'the command line ships without tests and benchmarks',
    files: ['src/cli/'],
    mustNot: ['test/', 'bench/', 'scripts/'],
  },
  {
    why: 'an optional peer is loaded only when it is asked for',
    files: SHIPPED,
    mustNot: OPTIONAL_PEERS,
    kind: 'static',
  },
  {
    why: 'what engines share knows no engine; only open.ts chooses',
    files: ['src/engines/'],
    except: ['src/engines/open.ts', ...ENGINES.flatMap(engineFiles)],
    mustNot: ENGINES.flatMap(engineFiles),
  },
  ...ENGINES.map((name) => ({
    why: 'engines do not know each other',
    files: engineFiles(name),
    mustNot: ENGINES.filter((other) => other !== name).flatMap(engineFiles),
  })),
];

/** Every import that breaks a rule, as a line that says which and why. */
export function violations(imports: readonly Import[], rules: readonly Rule[]): string[] {
  return rules.flatMap((rule) =>
    imports.filter((edge) => breaks(edge, rule)).map((edge) => `${edge.from} imports ${edge.to}: ${rule.why}`),
  );
}

/** The packages that shipped code imports and `declared` does not name. */
export function undeclaredPackages(imports: readonly Import[], declared: readonly string[]): string[] {
  return imports
    .filter(({ from, to }) => SHIPPED.some((folder) => from.startsWith(folder)) && isPackage(to))
    .filter(({ to }) => !declared.some((name) => matches(to, name)))
    .map(({ from, to }) => `${from} imports ${to}: no dependency of the package names it`);
}

function breaks({ from, to, kind }: Import, rule: Rule): boolean {
  const isMeant = (patterns: readonly string[] | undefined, path: string) =>
    patterns?.some((pattern) => matches(path, pattern)) ?? false;
  if (!isMeant(rule.files, from) || isMeant(rule.except, from)) return false;
  if (rule.kind !== undefined && rule.kind !== kind) return false;
  return isMeant(rule.mustNot, to) || (rule.may !== undefined && !isMeant(rule.may, to));
}

function matches(path: string, pattern: string): boolean {
  return path === pattern || path.startsWith(/[/:]$/.test(pattern) ? pattern : `${pattern}/`);
}

function isPackage(target: string): boolean {
  return !target.startsWith('node:') && !target.endsWith('.ts');
}
