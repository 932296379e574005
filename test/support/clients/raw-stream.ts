import { request as httpRequest } from 'node:http';

/** Opens an event stream and returns the raw response, as curl -N shows it, when `enough` accepts its text. */
export function rawStream(
  url: string,
  query: string,
  headers: Record<string, string>,
  enough: (text: string) => boolean,
) {
  return new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
    const request = httpRequest(`${url}/v1/stream?${query}`, { headers }, (answer) => {
      let text = '';
      const done = () => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
        request.destroy();
      };
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        if (enough(text)) done();
      });
      answer.on('end', done);
    });
    request.on('error', reject);
    request.end();
  });
}
