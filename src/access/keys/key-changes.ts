import { Injectable } from '@nestjs/common';

/** Tells the parts of this process that remember keys that one was changed by this process. */
@Injectable()
export class KeyChanges {
  private readonly listeners = new Set<(keyId: string) => void>();

  onChange(listener: (keyId: string) => void): void {
    this.listeners.add(listener);
  }

  changed(keyId: string): void {
    for (const listener of this.listeners) listener(keyId);
  }
}
