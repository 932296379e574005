import { Injectable } from '@nestjs/common';
import { Clock } from '../../../platform/clock/clock.js';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { PodChannel } from '../../../platform/redis/pod-channel.js';

const MESSAGE = 'connection-banned';
/** Time for which a key is refused from an address after an operator ended its connection with `final`, ms. */
const BAN_DURATION_MS = 60_000;

/** Pairs of key and address that operators have ended with `final`, on every process. */
@Injectable()
export class Bans {
  private readonly until = new Map<string, number>();

  constructor(
    private readonly channel: PodChannel,
    private readonly clock: Clock,
  ) {
    channel.on(MESSAGE, ({ keyId, address }) => {
      if (typeof keyId === 'string' && typeof address === 'string') this.note(keyId, address);
    });
  }

  async ban(keyId: string, address: string): Promise<void> {
    await this.channel.publish(MESSAGE, { keyId, address });
  }

  /** Throws forbidden while the key is banned from the address. */
  check(keyId: string, address: string): void {
    const until = this.until.get(nameOf(keyId, address));
    if (until === undefined || until <= this.clock.elapsed()) return;
    throw new DomainError(
      'forbidden',
      'An operator ended the connections of this key from this address; wait a minute.',
    );
  }

  private note(keyId: string, address: string): void {
    const now = this.clock.elapsed();
    for (const [name, until] of this.until) if (until <= now) this.until.delete(name);
    this.until.set(nameOf(keyId, address), now + BAN_DURATION_MS);
  }
}

function nameOf(keyId: string, address: string): string {
  return `${address} ${keyId}`;
}
