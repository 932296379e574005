import { faultsOf } from './asyncapi-validator.js';
import { ResumingClient } from '../clients/resuming-client.js';

// Imported by tests, so that every resuming client checks its frames against the AsyncAPI document.
ResumingClient.faultsOf = faultsOf;
