import { Piscina } from 'piscina';

/** What comes with a task for as long as no thread has it. */
export interface Unstarted {
  readonly reject: (error: Error) => void;
}

type TaskQueue = NonNullable<NonNullable<ConstructorParameters<typeof Piscina>[0]>['taskQueue']>;
type Task = Parameters<TaskQueue['push']>[0];

/** The tasks of a pool that wait for a thread, first come first served. */
export class WaitingTasks implements TaskQueue {
  #tasks: Task[] = [];

  get size(): number {
    return this.#tasks.length;
  }

  push(task: Task): void {
    this.#tasks.push(task);
  }

  shift(): Task | null {
    return this.#tasks.shift() ?? null;
  }

  remove(task: Task): void {
    this.#tasks = this.#tasks.filter((each) => each !== task);
  }

  /** This one is nobody's any more. */
  drop(unstarted: Unstarted): void {
    this.#tasks = this.#tasks.filter((each) => unstartedOf(each) !== unstarted);
  }

  /** None of them gets a thread. */
  fail(error: Error): void {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) unstartedOf(task).reject(error);
  }
}

function unstartedOf(task: Task): Unstarted {
  return Reflect.get(task, Piscina.queueOptionsSymbol) as Unstarted;
}
