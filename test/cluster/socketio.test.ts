import '../e2e/socketio.test.js';
