/** Runs attacks one after the other on request, in a separate process, so that their computing does not load the bench. */
import { ATTACKS, type Victim } from '../../support/attacks/index.js';

export interface AttackOrder {
  readonly type: 'attack';
  readonly name: string;
  readonly forMs: number;
}

let victim: Victim | undefined;

process.on('message', (message: Victim | AttackOrder) => {
  if (!('type' in message)) {
    victim = message;
    process.send?.({ type: 'ready' });
    return;
  }
  const attack = ATTACKS.find(({ name }) => name === message.name);
  if (attack === undefined || victim === undefined) throw new Error(`unknown attack ${message.name}`);
  void attack
    .run(victim, Date.now() + message.forMs)
    .then(({ sent, refused, answers }) => process.send?.({ type: 'done', sent, refused, answers }));
});
