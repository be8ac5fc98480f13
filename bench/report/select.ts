import type { BenchResult, Level } from '../record.js';
import { type Median, medians } from './medians.js';

/** The figures of a result, to be asked for by name. */
export class Figures {
  readonly all: readonly Median[];
  readonly leases: number;
  /** In the order in which they ran. */
  readonly engines: readonly string[];

  constructor({ records, leases }: BenchResult) {
    this.all = medians(records);
    this.leases = leases;
    this.engines = [...new Set(this.all.map(({ engine }) => engine))];
  }

  /** In the size that was asked for and with default options; an engine without files has no level. */
  find(engine: string, workload: string, metric: string, level: Level = 'written'): Median | undefined {
    return this.all.find(
      (median) =>
        median.engine === engine &&
        median.workload === workload &&
        median.metric === metric &&
        median.leases === this.leases &&
        median.setting === undefined &&
        (median.durability === level || median.durability === 'none'),
    );
  }
}

/** A sweep compares settings of one subject as other runs compare subjects. */
export function bySetting(result: BenchResult): BenchResult {
  if (result.sweep === undefined) return result;
  const named = <T extends { readonly engine: string; readonly setting?: string }>({ setting, ...rest }: T) => {
    return { ...rest, engine: setting ?? rest.engine };
  };
  return { ...result, records: result.records.map(named), series: result.series.map(named) };
}

export function figureName({ workload, metric, unit, setting }: Median): string {
  return `${workload}${setting === undefined ? '' : ` [${setting}]`} ${metric} (${unit})`;
}
