// The oldest supported server: the same tests as on the newest.
import '../integration/capture/tables.test.js';
