// Runs the same tests on the oldest supported PostgreSQL as on the newest.
import '../integration/capture/log-reader.test.js';
