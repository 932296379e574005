import '../e2e/management.test.js';
