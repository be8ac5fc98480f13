import type { Decision, Operation } from './rules.js';

/** What a store did since it was opened. */
export class Counts {
  acquired = 0;
  held = 0;
  renewed = 0;
  released = 0;
  refused = 0;
  expired = 0;
  imported = 0;
  groups = 0;

  add(operation: Operation, { answer }: Decision): void {
    switch (operation.kind) {
      case 'acquire':
        if (answer.ok) this.acquired++;
        else this.held++;
        return;
      case 'renew':
        if (answer.ok) this.renewed++;
        else this.refused++;
        return;
      case 'release':
        if (answer.ok) this.released++;
        else this.refused++;
        return;
      case 'release-of-owner':
        if (answer.ok) this.released++;
        return;
      case 'import':
        if (answer.ok) this.imported++;
        return;
      case 'expire':
        if (answer.ok) this.expired++;
        return;
    }
  }
}
