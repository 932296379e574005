import { writeFileSync } from 'node:fs';

/**
 * Writes how long each test file took, in seconds, loading and hooks included: Vitest's own JSON report counts the time
 * inside tests only, and a suite that boots the app spends most of it in hooks.
 */
export default class FileTimesReporter {
  seconds = {};

  onTestModuleEnd(module) {
    const { environmentSetupDuration, prepareDuration, setupDuration, collectDuration, duration } = module.diagnostic();
    const total = environmentSetupDuration + prepareDuration + setupDuration + collectDuration + duration;
    this.seconds[module.moduleId] = total / 1000;
  }

  onTestRunEnd() {
    if (process.env.FILE_TIMES) writeFileSync(process.env.FILE_TIMES, JSON.stringify(this.seconds));
  }
}
