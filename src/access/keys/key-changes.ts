import { Injectable, Optional } from '@nestjs/common';
import { PodChannel } from '../../platform/redis/pod-channel.js';

const MESSAGE = 'key-changed';

/** Notifies the caches of keys, in this process and the others, of changes. */
@Injectable()
export class KeyChanges {
  private readonly listeners = new Set<(keyId: string) => void>();

  /** Creates the notifier; without a channel, as on the command line, only this process is notified. */
  constructor(@Optional() private readonly channel?: PodChannel) {
    channel?.on(MESSAGE, ({ keyId }) => {
      if (typeof keyId === 'string') this.tell(keyId);
    });
  }

  onChange(listener: (keyId: string) => void): void {
    this.listeners.add(listener);
  }

  changed(keyId: string): void {
    if (this.channel) void this.channel.publish(MESSAGE, { keyId });
    else this.tell(keyId);
  }

  private tell(keyId: string): void {
    for (const listener of this.listeners) listener(keyId);
  }
}
