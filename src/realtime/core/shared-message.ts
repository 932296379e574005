/** Encoding of a message in one dialect; one object per dialect, since frames are shared under its identity. */
export interface MessageFormat {
  build(message: SharedMessage): Buffer;
}

/** Message that many connections receive alike: each dialect's frame is made once, by the first connection that needs it. */
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
