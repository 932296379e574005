// The oldest supported server: the same tests as on the newest.
import '../integration/capture/invariant-1-exactly-once.test.js';
