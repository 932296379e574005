import '../e2e/sse.test.js';
