import '../e2e/access-limits.test.js';
