// The oldest supported server: the same tests as on the newest.
import '../integration/history/history-writer.test.js';
