import pg from 'pg';

type Taken = Parameters<pg.Pool['connect']>[0];

/** Pool that tells how long each piece of work waited for a connection, ms. */
export class MeasuredPool extends pg.Pool {
  onWaited: (ms: number) => void = () => undefined;

  override connect(): Promise<pg.PoolClient>;
  override connect(taken: Taken): void;
  override connect(taken?: Taken): Promise<pg.PoolClient> | void {
    const begun = performance.now();
    if (taken === undefined) {
      return super.connect().finally(() => this.onWaited(performance.now() - begun));
    }
    super.connect((...given: Parameters<Taken>) => {
      this.onWaited(performance.now() - begun);
      taken(...given);
    });
  }
}
