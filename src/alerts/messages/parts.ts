import type { NewDelivery } from '../../notifications/core/index.js';

/** Of a list in one part of a message to a program, which takes 20 KB; bytes. */
const MAX_PART_BYTES = 15_000;

/** Whether a message goes to a program, which gets all of it; people get what they can read. */
export function isForProgram({
  channel,
  format,
  template,
}: Pick<NewDelivery, 'channel' | 'format' | 'template'>): boolean {
  return channel === 'webhook' && format === undefined && template === undefined;
}

/** A list in as many parts as messages must have; one part at least. */
export function inParts<T>(items: readonly T[], shown: (item: T) => object = (item) => Object(item)): T[][] {
  const parts: T[][] = [[]];
  let left = MAX_PART_BYTES;
  for (const item of items) {
    const needed = Buffer.byteLength(JSON.stringify(shown(item))) + 1;
    const current = parts.at(-1) ?? [];
    if (needed > left && current.length > 0) {
      parts.push([item]);
      left = MAX_PART_BYTES - needed;
    } else {
      current.push(item);
      left -= needed;
    }
  }
  return parts;
}

/** A summary that names more than one message holds, in parts: nothing is left out of what a program gets. */
export function summaryParts(delivery: NewDelivery): NewDelivery[] {
  const { explanation, message } = delivery.data;
  if (!isForProgram(delivery) || !('subjects' in explanation) || !Array.isArray(explanation.subjects))
    return [delivery];
  const parts = inParts<object>(explanation.subjects);
  if (parts.length === 1) return [delivery];
  return parts.map((subjects, index): NewDelivery => {
    const place = { part: index + 1, parts: parts.length };
    return {
      ...delivery,
      // Each part is recorded, and sent, by itself.
      standalone: true,
      ...(delivery.transitionId === undefined ? {} : { transitionId: `${delivery.transitionId}:${place.part}` }),
      data: {
        ...delivery.data,
        message: `${message} (part ${place.part} of ${place.parts})`,
        explanation: { ...explanation, ...place, subjects },
      },
    };
  });
}
