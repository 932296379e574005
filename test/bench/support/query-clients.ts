/**
 * Process of clients that each send a query, wait for the answer and send the next, over a connection that stays open.
 * Seven of ten queries are also sent by others; the rest are new.
 */
import { QueryAsker } from './query-asker.js';
import type { Series } from './query-history.js';
import { newQuestion, repeatedQuestions } from './query-questions.js';

export interface ClientsTask {
  readonly port: number;
  readonly series: readonly Series[];
}
export interface ClientsRound {
  readonly type: 'ask';
  readonly apiKeys: readonly string[];
  readonly clientsPerKey: number;
  readonly seconds: number;
  /** Number of the round's first new query; no other round uses the numbers from here on. */
  readonly firstNew: number;
}
export interface ClientsReport {
  readonly type: 'asked';
  /** Milliseconds of all answers with status 200, sorted. */
  readonly ms: Float64Array;
  /** Number of these answers that came from the cache. */
  readonly hits: number;
  /** Number of answers with status 503. */
  readonly shed: number;
  /** Number of all other answers, and the content of the first of them. */
  readonly errors: number;
  readonly problem: string | undefined;
  /** Time from the first query to the last answer of the clients that started in time, seconds. */
  readonly seconds: number;
}

const REPEATED = 7;
const repeated = repeatedQuestions().map((question) => JSON.stringify(question));

/** Wait of a client after a 503, like a client that obeys Retry-After, but shorter. */
const AFTER_SHED_MS = 1_000;

class Round {
  private readonly ms: number[] = [];
  private hits = 0;
  private shed = 0;
  private errors = 0;
  private problem: string | undefined;
  private asked = 0;
  private readonly askers: readonly QueryAsker[];
  private readonly startedAt = performance.now();

  constructor(
    private readonly task: ClientsTask,
    private readonly round: ClientsRound,
  ) {
    this.askers = round.apiKeys.map((apiKey) => new QueryAsker(task.port, apiKey, round.clientsPerKey));
  }

  async run(): Promise<ClientsReport> {
    const { clientsPerKey } = this.round;
    const clients = this.askers.flatMap((asker) => Array.from({ length: clientsPerKey }, () => this.client(asker)));
    await Promise.all(clients);
    for (const asker of this.askers) asker.close();
    return {
      type: 'asked',
      ms: Float64Array.from(this.ms).sort(),
      hits: this.hits,
      shed: this.shed,
      errors: this.errors,
      problem: this.problem,
      seconds: (performance.now() - this.startedAt) / 1_000,
    };
  }

  private async client(asker: QueryAsker): Promise<void> {
    while (performance.now() - this.startedAt < this.round.seconds * 1_000) {
      const { status, text, ms } = await asker
        .ask(this.question())
        .catch((error: unknown) => ({ status: 0, text: String(error), ms: 0 }));
      if (status === 200) {
        this.ms.push(ms);
        if (text.includes('"cache":"hit"')) this.hits += 1;
      } else if (status === 503) {
        this.shed += 1;
        await new Promise((resolve) => setTimeout(resolve, AFTER_SHED_MS));
      } else {
        this.errors += 1;
        this.problem ??= `${status} ${text.slice(0, 300)}`;
      }
    }
  }

  private question(): string {
    const n = this.asked++;
    if (n % 10 < REPEATED) return repeated[Math.floor(n / 10 + (n % 10) * 5) % repeated.length] ?? '';
    return JSON.stringify(newQuestion(this.task.series, this.round.firstNew + n));
  }
}

process.once('message', (task: ClientsTask) => {
  process.on('message', (round: ClientsRound) => {
    void new Round(task, round).run().then((report) => process.send?.(report));
  });
  process.send?.({ type: 'ready' });
});
