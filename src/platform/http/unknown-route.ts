/** Pattern of the last route, for requests that match no other. */
export const UNKNOWN_ROUTE = '{*path}';
