/** Time after which a notice that was not renewed is dropped, ms. */
const NOTICE_TTL_MS = 3_600_000;

/** Notices for operators about faults of a ready process, shown in the details of `/health/ready`. */
export class HealthNotices {
  private readonly notices = new Map<string, { message: string; at: number }>();

  /** Sets or renews the notice `name`, such as `mail`. */
  set(name: string, message: string): void {
    this.notices.set(name, { message, at: Date.now() });
  }

  clear(name: string): void {
    this.notices.delete(name);
  }

  all(): { name: string; message: string }[] {
    const oldest = Date.now() - NOTICE_TTL_MS;
    return [...this.notices].flatMap(([name, { message, at }]) => (at < oldest ? [] : [{ name, message }]));
  }
}
