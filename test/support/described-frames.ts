import { faultsOf } from './asyncapi-validator.js';
import { ResumingClient } from './resuming-client.js';

// Imported by tests: every client that resumes then holds what it gets against the AsyncAPI document.
ResumingClient.faultsOf = faultsOf;
