import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LeaseStoreError } from '../../errors.js';
import type { EngineName } from '../engine.js';

/** An optional package with native code that an engine stands on. */
export interface NativePackage {
  readonly engine: EngineName;
  readonly name: string;
  /** What to ask npm for. */
  readonly range: string;
}

const PROBE_MS_MAX = 30_000;
const probes = new Map<string, Promise<void>>();

/**
 * Resolves once the package is known to load here. A native module of the wrong kind does not always throw: some abort
 * the process that loads them, so the first load happens in a child. Throws `ERR_HOLDFAST_ENGINE_UNAVAILABLE`, naming
 * the package and what to install.
 */
export function probeNative(wanted: NativePackage): Promise<void> {
  let probe = probes.get(wanted.name);
  if (probe === undefined) {
    probe = loadInChild(wanted);
    probes.set(wanted.name, probe);
    // What was missing may be installed by the next try.
    probe.catch(() => probes.delete(wanted.name));
  }
  return probe;
}

async function loadInChild(wanted: NativePackage): Promise<void> {
  let url: string;
  try {
    url = import.meta.resolve(wanted.name);
  } catch (error) {
    throw unavailable(wanted, 'it is not installed', error);
  }
  const script = `await import(${JSON.stringify(url)})`;
  try {
    await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: PROBE_MS_MAX });
  } catch (error) {
    throw unavailable(wanted, reasonOf(error), error);
  }
}

function reasonOf(error: unknown): string {
  const { code, signal, stderr } = error as { code?: unknown; signal?: unknown; stderr?: string };
  if ((code as string) === 'ERR_MODULE_NOT_FOUND' || stderr?.includes('ERR_MODULE_NOT_FOUND'))
    return 'it is not installed';
  const said = stderr?.split('\n').find((line) => /^\w*Error\b/.test(line));
  return `loading it ends with ${signal ?? `exit code ${code}`}${said === undefined ? '' : ` (${said})`}`;
}

function unavailable({ engine, name, range }: NativePackage, why: string, cause: unknown): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_ENGINE_UNAVAILABLE',
    `the engine '${engine}' needs the package ${name}, and ${why} on ${process.platform} ${process.arch}, ` +
      `Node ${process.versions.node}; npm install ${name}@'${range}', or take another engine`,
    { cause },
  );
}
