import { CHANNELS, type NewDelivery } from '../../notifications/core/index.js';

/** Maximum size of a list in one part of a message, bytes; the whole part may have 20 KB. */
const MAX_PART_BYTES = 15_000;

/** Whether the receiver of a message is a program, which gets the complete content; people get a readable extract. */
export function isForProgram({
  channel,
  format,
  template,
}: Pick<NewDelivery, 'channel' | 'format' | 'template'>): boolean {
  return CHANNELS[channel].hasFormats && format === undefined && template === undefined;
}

/** Splits a list so that each part fits into a message; returns at least one part. */
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

/** Splits a summary for a program that is too large for one message. */
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
      // Parts are recorded and sent separately.
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
