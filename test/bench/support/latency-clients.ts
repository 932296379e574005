/**
 * Socket.IO clients that cost next to nothing: raw WebSockets that speak just enough of the protocol to subscribe, and that
 * note of each delivery only which change it is and when it came. A client that parses everything measures itself.
 */
import { WebSocket } from 'ws';

export interface ClientsTask {
  readonly url: string;
  readonly apiKey: string;
  /** One body of `subscribe` per client. */
  readonly subscriptions: readonly Record<string, unknown>[];
}
export interface ClientsReport {
  readonly type: 'received';
  /** Parallel lists: client (index into the task), change, Unix milliseconds of arrival. */
  readonly clients: Int32Array;
  readonly changes: Int32Array;
  readonly at: Float64Array;
  /** Connections that ended although nobody asked for it. */
  readonly closed: number;
}

const NAMESPACE = '/v1/realtime,';
const EVENT = `42${NAMESPACE}["tvl_change"`;
const MARK = '"tags":["n';

let received = { clients: [] as number[], changes: [] as number[], at: [] as number[] };
let closed = 0;

function connect(task: ClientsTask, index: number): Promise<void> {
  const socket = new WebSocket(`${task.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code, reason) => {
      closed += 1;
      reject(new Error(`closed with ${code} ${reason.toString()}`));
    });
    socket.on('message', (data: Buffer) => {
      const frame = data.toString('latin1');
      if (frame.startsWith(EVENT)) {
        note(index, frame);
      } else if (frame === '2') {
        socket.send('3');
      } else if (frame.startsWith('0')) {
        socket.send(`40${NAMESPACE}${JSON.stringify({ apiKey: task.apiKey })}`);
      } else if (frame.startsWith(`40${NAMESPACE}`)) {
        socket.send(`42${NAMESPACE}1["subscribe",${JSON.stringify(task.subscriptions[index])}]`);
      } else if (frame.startsWith(`43${NAMESPACE}1[{"ok":true`)) {
        resolve();
      } else if (frame.startsWith('43') || frame.startsWith('44')) {
        reject(new Error(frame));
      }
    });
  });
}

function note(client: number, frame: string): void {
  const mark = frame.indexOf(MARK);
  if (mark < 0) return;
  const start = mark + MARK.length;
  received.clients.push(client);
  received.changes.push(Number(frame.slice(start, frame.indexOf('"', start))));
  received.at.push(performance.timeOrigin + performance.now());
}

process.once('message', (task: ClientsTask) => {
  void (async () => {
    // A few at a time: the accept queue of a listening socket is finite.
    for (let first = 0; first < task.subscriptions.length; first += 25) {
      const group = task.subscriptions.slice(first, first + 25);
      await Promise.all(group.map((_, offset) => connect(task, first + offset)));
    }
    process.on('message', (message: { type: string }) => {
      if (message.type === 'count') process.send?.({ type: 'counted', count: received.changes.length });
      if (message.type !== 'report') return;
      const { clients, changes, at } = received;
      received = { clients: [], changes: [], at: [] };
      process.send?.({
        type: 'received',
        clients: Int32Array.from(clients),
        changes: Int32Array.from(changes),
        at: Float64Array.from(at),
        closed,
      } satisfies ClientsReport);
    });
    process.send?.({ type: 'ready' });
  })();
});
