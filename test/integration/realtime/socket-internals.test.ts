import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type ServerOptions } from 'ws';
import { proveEngineFrames, provePlainFrames } from '../../../src/realtime/transports/sending/socket-internals.js';

/** An upgrade of ws, engine.io or socket.io that fails one of the first two tests loses most of the throughput. */
describe('prepared frames', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
  });

  const engineOf = (options: object = {}) => {
    const io = new Server(createServer(), { perMessageDeflate: false, ...options });
    closing.push(() => io.close());
    return io.engine;
  };
  const plain = (options: ServerOptions = {}) =>
    new WebSocketServer({ noServer: true, clientTracking: false, ...options });

  it('pass through the installed `ws` unchanged, in order with its own messages', () => {
    expect(provePlainFrames(plain({ perMessageDeflate: false }))).toBe(true);
  });

  it('pass through the installed `engine.io` unchanged, in order with its own packets', async () => {
    expect(await proveEngineFrames(engineOf())).toBe(true);
    expect(await proveEngineFrames(engineOf({ destroyUpgrade: false, connectTimeout: 10_000 }))).toBe(true);
  });

  it('are disabled when a library no longer accepts them', async () => {
    const engine = engineOf();
    const { prototype } = engine.constructor as unknown as {
      prototype: { createTransport(...args: unknown[]): object };
    };
    const { createTransport } = prototype;
    try {
      // Simulates an engine that no longer supports the option.
      prototype.createTransport = function (...args) {
        return Object.assign(createTransport.apply(this, args), { _canSendPreEncodedFrame: () => false });
      };
      expect(await proveEngineFrames(engine)).toBe(false);
      prototype.createTransport = () => {
        throw new Error('changed');
      };
      expect(await proveEngineFrames(engine)).toBe(false);
    } finally {
      prototype.createTransport = createTransport;
    }
    const refusing = plain();
    refusing.handleUpgrade = () => {
      throw new Error('changed');
    };
    expect(provePlainFrames(refusing)).toBe(false);
  });
});
