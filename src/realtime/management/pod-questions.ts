import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { DomainError, ERROR_CODES, type ErrorCode } from '../../platform/errors/domain-error.js';
import { PodChannel, type PodMessage } from '../../platform/redis/pod-channel.js';
import { Pods } from '../../platform/redis/pods.js';

/** Time within which a live process answers, or reports that it is still working, ms. */
const ANSWER_TIMEOUT_MS = 1_000;
/** Time limit of an operation in progress, ms: longer than the longest replay, which a new subscription may include. */
const WORK_TIMEOUT_MS = 40_000;

/** Returns the function that computes the answer; undefined if the question does not concern this process. */
type Answering = (body: PodMessage) => (() => unknown) | undefined;

interface Asked {
  readonly id: string;
  /** Processes that may still answer; true: the process has reported that it is working. */
  readonly waiting: Map<string, boolean>;
  /** Whether a process could not be asked, or did not answer. */
  isIncomplete: boolean;
  readonly answers: unknown[];
  timer: NodeJS.Timeout;
  readonly settle: (answer: PodMessage) => void;
  readonly finish: () => void;
}

/** Sends questions to the other processes and answers their questions. The wait for each live process is bounded. */
@Injectable()
export class PodQuestions implements OnApplicationShutdown {
  private readonly logger = new Logger(PodQuestions.name);
  private readonly topics = new Map<string, Answering>();
  private readonly asked = new Map<string, Asked>();

  constructor(
    private readonly channel: PodChannel,
    private readonly pods: Pods,
  ) {
    channel.on('question', (body) => void this.answer(body));
    channel.on('answer', (body) => this.settle(body));
  }

  /** Registers the function with which this process answers questions on a topic. */
  on(topic: string, answering: Answering): void {
    this.topics.set(topic, answering);
  }

  /** Returns the answers of the other processes, without those of processes that do not answer within a second. */
  async askAll(topic: string, body: PodMessage): Promise<unknown[]> {
    const { promise, resolve } = Promise.withResolvers<unknown[]>();
    const asked = this.open(
      () => undefined,
      () => resolve(asked.answers),
    );
    await this.send(asked, topic, body);
    return promise;
  }

  /**
   * Returns the answer of the one process that the question concerns; undefined if it concerns none. Throws the error of
   * that process, or unavailable if a process could not be reached or did not answer.
   */
  async askOne(topic: string, body: PodMessage): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const asked = this.open(
      ({ state, result, error }) => {
        if (state === 'done') resolve(result);
        else if (state === 'failed') reject(errorFrom(error));
      },
      () => (asked.isIncomplete ? reject(notAll()) : resolve(undefined)),
    );
    // Answers may arrive before Redis has confirmed that the question was published.
    const [answer] = await Promise.all([promise, this.send(asked, topic, body)]);
    return answer;
  }

  onApplicationShutdown(): void {
    for (const asked of this.asked.values()) {
      asked.isIncomplete = true;
      asked.finish();
    }
  }

  private open(settle: (answer: PodMessage) => void, finished: () => void): Asked {
    const id = randomUUID();
    const finish = (): void => {
      clearTimeout(asked.timer);
      if (this.asked.delete(id)) finished();
    };
    const waiting = new Map(this.pods.others.map((pod) => [pod, false]));
    const timer = setTimeout(() => this.leaveOutSilent(asked), ANSWER_TIMEOUT_MS);
    const asked: Asked = { id, waiting, isIncomplete: false, answers: [], timer, settle, finish };
    this.asked.set(id, asked);
    return asked;
  }

  private async send(asked: Asked, topic: string, body: PodMessage): Promise<void> {
    const isSent = await this.channel.publish('question', { id: asked.id, from: this.pods.id, topic, body });
    if (!isSent) asked.isIncomplete = true;
    if (!isSent || asked.waiting.size === 0) asked.finish();
  }

  private leaveOutSilent(asked: Asked): void {
    for (const [pod, isWorking] of asked.waiting) {
      if (isWorking) continue;
      asked.waiting.delete(pod);
      asked.isIncomplete = true;
    }
    if (asked.waiting.size === 0) asked.finish();
    else {
      asked.timer = setTimeout(() => {
        asked.isIncomplete = true;
        asked.finish();
      }, WORK_TIMEOUT_MS);
    }
  }

  private async answer({ id, from, topic, body }: PodMessage): Promise<void> {
    if (typeof id !== 'string' || typeof from !== 'string' || from === this.pods.id) return;
    if (typeof topic !== 'string' || typeof body !== 'object' || body === null) return;
    const say = (state: string, parts: PodMessage = {}): Promise<boolean> =>
      this.channel.publish('answer', { id, to: from, pod: this.pods.id, state, ...parts });
    try {
      const work = this.topics.get(topic)?.({ ...body });
      await say(work === undefined ? 'none' : 'working');
      if (work !== undefined) await say('done', { result: await work() });
    } catch (error) {
      if (!(error instanceof DomainError))
        this.logger.error({ err: error, topic }, 'request of another process could not be answered');
      await say('failed', { error: errorParts(error) });
    }
  }

  private settle(answer: PodMessage): void {
    const { id, to, pod, state } = answer;
    const asked = to === this.pods.id && typeof id === 'string' ? this.asked.get(id) : undefined;
    if (asked === undefined || typeof pod !== 'string') return;
    if (state === 'working') {
      asked.waiting.set(pod, true);
      return;
    }
    asked.waiting.delete(pod);
    if (state === 'done') asked.answers.push(answer['result']);
    asked.settle(answer);
    if (asked.waiting.size === 0) asked.finish();
  }
}

function notAll(): DomainError {
  return new DomainError('unavailable', 'The process that has the connection does not answer; try again.', {
    retryAfterMs: 5_000,
  });
}

/** Returns the parts of an error that another process may show to a client. */
function errorParts(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof DomainError))
    return { code: 'internal_error', message: 'The request could not be completed.' };
  const { code, message, field, retryAfterMs } = error;
  return { code, message, field, retryAfterMs };
}

/** Restores an error that another process sent. */
function errorFrom(parts: unknown): DomainError {
  const { code, message, field, retryAfterMs } = Object(parts) as Record<string, unknown>;
  return new DomainError(isCode(code) ? code : 'internal_error', typeof message === 'string' ? message : 'Failed.', {
    ...(typeof field === 'string' && { field }),
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
  });
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
}
