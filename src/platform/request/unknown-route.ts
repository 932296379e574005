/** Pattern of the last route, which receives requests that match no other route. */
export const UNKNOWN_ROUTE = '{*path}';
