/** A notice of which nothing more was heard is forgotten. */
const REMEMBERED_MS = 3_600_000;

/** What operators should know of this process although it serves: shown in the details of `/health/ready`. */
export class HealthNotices {
  private readonly notices = new Map<string, { message: string; at: number }>();

  /** `name` is that of the detail, such as `mail`. */
  set(name: string, message: string): void {
    this.notices.set(name, { message, at: Date.now() });
  }

  clear(name: string): void {
    this.notices.delete(name);
  }

  all(): { name: string; message: string }[] {
    const oldest = Date.now() - REMEMBERED_MS;
    return [...this.notices].flatMap(([name, { message, at }]) => (at < oldest ? [] : [{ name, message }]));
  }
}
