import type { Dispatcher } from 'undici';

/**
 * Returns a dispatcher that calls `ask` at the moment before a request is written to its connection, however long that took to
 * make. If it throws, nothing is written, the request fails with its error, and the connection is kept.
 */
export function askBeforeSending(dispatcher: Dispatcher, ask: () => void): Dispatcher {
  return dispatcher.compose((dispatch) => (options, handler) => {
    const start = handler.onRequestStart?.bind(handler);
    handler.onRequestStart = (controller, context) => {
      ask();
      start?.(controller, context);
    };
    return dispatch(options, handler);
  });
}
