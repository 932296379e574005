/** Pattern of the last route, which takes what no other took. */
export const UNKNOWN_ROUTE = '{*path}';
