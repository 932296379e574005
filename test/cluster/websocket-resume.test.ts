import '../e2e/websocket-resume.test.js';
