/** Characters of messages handled in one turn of the event loop; the message that exceeds them is still handled. */
const CHARACTERS_PER_TURN = 128 * 1024;
/** Characters that may wait; further messages are dropped. */
const MAX_WAITING_CHARACTERS = 16 * 1024 * 1024;

/**
 * Line of received messages. A connection hands over up to 2 MB in one turn of the event loop: handled at once, large messages
 * would hold it for long. A dropped message is not lost, because its events are in the log.
 */
export class MessageLine {
  private waiting: string[] = [];
  private characters = 0;
  private room = CHARACTERS_PER_TURN;
  private turn: NodeJS.Immediate | undefined;

  constructor(private readonly handle: (text: string) => void) {}

  /** Handles the message now or, in the order of arrival, in a later turn. */
  add(text: string): void {
    if (this.characters + text.length > MAX_WAITING_CHARACTERS) return;
    this.waiting.push(text);
    this.characters += text.length;
    if (this.turn === undefined) this.work();
  }

  /** Drops what waits. */
  close(): void {
    clearImmediate(this.turn);
    this.turn = undefined;
    this.waiting = [];
    this.characters = 0;
  }

  private work(): void {
    while (this.room > 0) {
      const text = this.waiting.shift();
      if (text === undefined) return;
      this.characters -= text.length;
      this.room -= text.length;
      if (this.room <= 0) this.turn = setImmediate(() => this.nextTurn());
      this.handle(text);
    }
  }

  private nextTurn(): void {
    this.turn = undefined;
    this.room = CHARACTERS_PER_TURN;
    this.work();
  }
}
