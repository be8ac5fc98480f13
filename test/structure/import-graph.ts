import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, sep } from 'node:path';

export interface Import {
  /** Path of the importing source from the root of the project. */
  from: string;
  /** Path of the imported source, or the name of a package or built-in module. */
  to: string;
  /** A dynamic import is made only when it is needed; a type import is gone once compiled. */
  kind: 'static' | 'dynamic' | 'type';
}

/** Path of a source to its text. */
export type Sources = ReadonlyMap<string, string>;

/** The formatter sees to single quotes and to statements that start a line, so no parser is needed. */
const STATEMENT = /^(import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'/gm;
const CALL = /\bimport\(\s*'([^']+)'\s*\)(\.[A-Z])?/g;
const COMMENT_LINE = /^\s*(?:\/\*|\*|\/\/).*$/gm;

export function readSources(root: string, folders: readonly string[]): Sources {
  const present = folders.filter((folder) => existsSync(join(root, folder)));
  const paths = present.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => posix.join(folder, path.split(sep).join('/'))),
  );
  return new Map(paths.sort().map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

export function importsOf(sources: Sources): Import[] {
  return [...sources].flatMap(([from, source]) => {
    const text = source.replace(COMMENT_LINE, '');
    const resolve = (target: string) =>
      target.startsWith('.') ? posix.join(dirname(from), target).replace(/\.js$/, '.ts') : target;
    return [
      ...[...text.matchAll(STATEMENT)].map((match): Import => {
        return { from, to: resolve(match[3]!), kind: match[2] === undefined ? 'static' : 'type' };
      }),
      ...[...text.matchAll(CALL)].map((match): Import => {
        return { from, to: resolve(match[1]!), kind: match[2] === undefined ? 'dynamic' : 'type' };
      }),
    ];
  });
}

/** Cycles among the units that `unitOf` maps files to, each once, as the imports that close it. */
export function cyclesBetween(imports: readonly Import[], unitOf: (path: string) => string | undefined): Import[][] {
  const edges = new Map<string, Map<string, Import>>();
  for (const edge of imports) {
    const [from, to] = [unitOf(edge.from), unitOf(edge.to)];
    if (from === undefined || to === undefined || from === to) continue;
    const out = edges.get(from) ?? new Map<string, Import>();
    if (!out.has(to)) out.set(to, edge);
    edges.set(from, out);
  }
  const cycles: Import[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const taken: Import[] = [];
  const visit = (unit: string) => {
    const start = path.indexOf(unit);
    if (start >= 0) cycles.push(taken.slice(start));
    if (start >= 0 || done.has(unit)) return;
    path.push(unit);
    for (const [to, edge] of edges.get(unit) ?? []) {
      taken.push(edge);
      visit(to);
      taken.pop();
    }
    path.pop();
    done.add(unit);
  };
  for (const unit of edges.keys()) visit(unit);
  return cycles;
}
