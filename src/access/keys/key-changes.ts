import { Injectable, Optional } from '@nestjs/common';
import { PodChannel } from '../../platform/redis/pod-channel.js';

const MESSAGE = 'key-changed';

/** Notifies caches of keys, in all processes, that a key has changed. */
@Injectable()
export class KeyChanges {
  private readonly listeners = new Set<(keyId: string) => void>();

  /** Creates the notifier. Without a channel, as on the command line, only this process is notified. */
  constructor(@Optional() private readonly channel?: PodChannel) {
    channel?.on(MESSAGE, ({ keyId }) => {
      if (typeof keyId === 'string') this.notify(keyId);
    });
  }

  onChange(listener: (keyId: string) => void): void {
    this.listeners.add(listener);
  }

  changed(keyId: string): void {
    if (this.channel) void this.channel.publish(MESSAGE, { keyId });
    else this.notify(keyId);
  }

  private notify(keyId: string): void {
    for (const listener of this.listeners) listener(keyId);
  }
}
