import { DomainError } from '../../platform/errors/domain-error.js';
import { ExpiringCache } from '../keys/expiring-cache.js';

const REMEMBERED_MS = 600_000;
const MOST = 1_000;

interface Answer<T> {
  question: string;
  answer: Promise<T>;
}

/**
 * Answers a repeated request like the first. In memory only, for 10 minutes: the answers hold keys, which are stored nowhere.
 * Later repeats find the created key and are refused.
 */
export class RecentAnswers<T> {
  private readonly answers = new ExpiringCache<string, Answer<T>>(MOST, REMEMBERED_MS);

  async once(name: string, question: string, now: number, work: () => Promise<T>): Promise<T> {
    const known = this.answers.get(name, now);
    if (known !== undefined && known.question !== question) {
      throw new DomainError('conflict', 'This Idempotency-Key was used with another body; choose another one.');
    }
    if (known !== undefined) return known.answer;
    const answer = work();
    this.answers.set(name, { question, answer }, now);
    // Failed attempts may be repeated.
    answer.catch(() => this.answers.delete(name));
    return answer;
  }
}
