/**
 * Encoder of messages in one dialect. A dialect must use one object, because frames are cached by the identity of this
 * object.
 */
export interface MessageFormat {
  build(message: SharedMessage): Buffer;
}

/**
 * Message that is the same for many connections: each dialect's frame is built once, for the first connection that needs
 * it.
 */
export class SharedMessage<Body extends object = object> {
  private readonly frames = new Map<MessageFormat, Buffer>();

  constructor(
    readonly name: string,
    readonly body: Readonly<Body>,
  ) {}

  frame(format: MessageFormat): Buffer {
    let frame = this.frames.get(format);
    if (frame === undefined) {
      frame = format.build(this);
      this.frames.set(format, frame);
    }
    return frame;
  }
}
