import { Injectable, Optional } from '@nestjs/common';
import { PodChannel } from '../../platform/redis/pod-channel.js';

const MESSAGE = 'key-changed';

/** Tells the parts that remember keys, in this process and the others, that one was changed. */
@Injectable()
export class KeyChanges {
  private readonly listeners = new Set<(keyId: string) => void>();

  /** Without a channel, as on the command line, only this process is told. */
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
