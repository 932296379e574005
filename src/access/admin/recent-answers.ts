import { LRUCache } from 'lru-cache';
import { refuseOtherBody } from '../../platform/input/idempotency.js';

const ANSWER_TTL_MS = 600_000;
const MAX_ANSWERS = 1_000;

interface Answer<T> {
  question: string;
  answer: Promise<T>;
}

/**
 * Returns the first answer to a repeated request for 10 minutes. Answers are kept in memory only, because they contain
 * complete keys, which must not be stored. A later repetition is refused, because the key was already created.
 */
export class RecentAnswers<T> {
  private readonly answers = new LRUCache<string, Answer<T>>({ max: MAX_ANSWERS, ttl: ANSWER_TTL_MS });

  async once(name: string, question: string, work: () => Promise<T>): Promise<T> {
    const known = this.answers.get(name);
    if (known !== undefined) {
      refuseOtherBody(known.question, question);
      return known.answer;
    }
    const answer = work();
    this.answers.set(name, { question, answer });
    // A failed request may be repeated.
    answer.catch(() => this.answers.delete(name));
    return answer;
  }
}
