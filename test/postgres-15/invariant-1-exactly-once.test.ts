// Runs the same tests on the oldest supported PostgreSQL as on the newest.
import '../integration/capture/invariant-1-exactly-once.test.js';
