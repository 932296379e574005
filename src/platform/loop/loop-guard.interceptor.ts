import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Observable } from 'rxjs';
import { LoopGuard } from './loop-guard.js';

/** Names the handler as the cause while its input is validated and its synchronous part runs. */
@Injectable()
export class LoopGuardInterceptor implements NestInterceptor {
  constructor(private readonly guard: LoopGuard) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const cause = `${context.getClass().name}.${context.getHandler().name}`;
    return new Observable((subscriber) => this.guard.run(cause, () => next.handle().subscribe(subscriber)));
  }
}
