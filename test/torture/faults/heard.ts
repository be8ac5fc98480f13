import type { Event } from '../events.js';

/** Whether a call failed, with this code if one is given. */
export function isFailure(event: Event, code?: string): boolean {
  if (event.e !== 'end') return false;
  return event.answers.some((answer) => 'failed' in answer && (code === undefined || answer.failed.code === code));
}

/** Whether something was granted, which takes room in the log and in memory. */
export function isGrant(event: Event): boolean {
  return event.e === 'end' && event.answers.some((answer) => 'lease' in answer);
}

export function isRead(event: Event): boolean {
  return event.e === 'read';
}
