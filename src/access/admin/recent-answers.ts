import { DomainError } from '../../platform/errors/domain-error.js';
import { ExpiringCache } from '../keys/expiring-cache.js';

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
  private readonly answers = new ExpiringCache<string, Answer<T>>(MAX_ANSWERS, ANSWER_TTL_MS);

  async once(name: string, question: string, now: number, work: () => Promise<T>): Promise<T> {
    const known = this.answers.get(name, now);
    if (known !== undefined && known.question !== question) {
      throw new DomainError(
        'conflict',
        'This Idempotency-Key was used with another body; use another Idempotency-Key.',
      );
    }
    if (known !== undefined) return known.answer;
    const answer = work();
    this.answers.set(name, { question, answer }, now);
    // A failed request may be repeated.
    answer.catch(() => this.answers.delete(name));
    return answer;
  }
}
