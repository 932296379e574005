import { Injectable } from '@nestjs/common';
import { PublishedBook } from './published-book.js';

/**
 * Holder of the book that `PublishedState` keeps up to date. The broker reads it, too, and cannot depend on the published
 * state, which depends on the feed, which depends on the broker.
 */
@Injectable()
export class CurrentBook {
  book = new PublishedBook();
  /**
   * Epoch in which the book was loaded; empty before the first load. While it is not the feed's, the book may contain values
   * of changes that a restored database does not have: nothing of it may then be written into the shared cache.
   */
  epoch = '';
}
