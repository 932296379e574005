import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { addressGroup } from '../../platform/http/connections/address-group.js';
import { actorOf, Audit } from './audit.js';

/** Time in which repeated refusals are combined into one audit entry, ms. */
const WINDOW_MS = 60_000;
/** Maximum number of distinct refusals per window; further ones share one entry. */
const MAX_KINDS = 50;

interface Refusal {
  code: string;
  /** Id of the key, if the key exists: with ids that a client invents, every refusal would be distinct. */
  keyId?: string;
  address: string;
  transport: string;
  /** Requested route, if the key was valid but its role was not sufficient. */
  route?: string;
}

interface Kind {
  refusal: Refusal;
  repeats: number;
}

/**
 * Audits refused authentication such that a flood cannot fill the disk. The first refusal with the same code, key, address,
 * transport and route is written immediately; repetitions within a minute become one entry with their number. At most 102
 * entries a minute (about 30 MB a day) are written, whatever the load.
 */
@Injectable()
export class Refusals implements OnApplicationShutdown {
  private readonly logger = new Logger(Refusals.name);
  private readonly kinds = new Map<string, Kind>();
  private windowEnds = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly audit: Audit,
    private readonly clock: Clock,
  ) {}

  /** Records a refusal. Never throws, even if the entry cannot be written. */
  async note(refusal: Refusal): Promise<void> {
    if (this.clock.now() >= this.windowEnds) await this.flush();
    const kind = this.kindOf(refusal);
    if (kind.repeats++ === 0) await this.write(kind.refusal, {});
  }

  async onApplicationShutdown(): Promise<void> {
    await this.flush();
  }

  private kindOf(refusal: Refusal): Kind {
    const group = addressGroup(refusal.address);
    const name = [refusal.code, refusal.keyId, group, refusal.transport, refusal.route].join('\n');
    const known = this.kinds.get(name);
    if (known !== undefined) return known;
    const overflow = this.kinds.size >= MAX_KINDS;
    const kind = { refusal: overflow ? { ...refusal, keyId: undefined, address: 'many' } : refusal, repeats: 0 };
    return this.keep(overflow ? 'overflow' : name, kind);
  }

  private keep(name: string, kind: Kind): Kind {
    const kept = this.kinds.get(name) ?? kind;
    this.kinds.set(name, kept);
    return kept;
  }

  private async flush(): Promise<void> {
    clearTimeout(this.timer);
    const ended = [...this.kinds.values()];
    this.kinds.clear();
    this.windowEnds = this.clock.now() + WINDOW_MS;
    this.timer = setTimeout(() => void this.flush(), WINDOW_MS).unref();
    const repeated = ended.filter((kind) => kind.repeats > 1);
    for (const kind of repeated) await this.write(kind.refusal, { repeats: kind.repeats - 1 });
    if (ended.length === 0) clearTimeout(this.timer);
  }

  private async write(refusal: Refusal, detail: { repeats?: number }): Promise<void> {
    const { code, keyId, address, transport, route } = refusal;
    const entry = {
      actor: keyId === undefined ? ('unknown' as const) : actorOf({ keyId }),
      action: 'access.refused',
      outcome: 'refused' as const,
      detail: { code, transport, ...(route === undefined ? {} : { route }), ...detail },
      address,
      ...(keyId === undefined ? {} : { subject: keyId }),
    };
    await this.audit.record(entry).catch((error: unknown) => {
      this.logger.warn({ err: error, code }, 'refused use of a key could not be audited');
    });
  }
}
