import { writeFileSync } from 'node:fs';

/**
 * Writes what became of each test file in each suite, and how long it took, in seconds, loading and hooks included.
 * Vitest's own JSON report does not name the suite, and counts the time inside tests only, although a suite that boots the
 * app spends most of it in hooks.
 */
export default class RunReporter {
  files = [];

  onTestModuleEnd(module) {
    const { environmentSetupDuration, prepareDuration, setupDuration, collectDuration, duration } = module.diagnostic();
    const tests = [...module.children.allTests()].map((test) => test.result().state);
    const failed = tests.filter((state) => state === 'failed').length;
    const passed = tests.filter((state) => state === 'passed').length;
    this.files.push({
      suite: module.project.name,
      file: module.moduleId,
      seconds: (environmentSetupDuration + prepareDuration + setupDuration + collectDuration + duration) / 1000,
      passed,
      failed,
      skipped: tests.length - passed - failed,
      failure: module.ok() ? undefined : (module.errors()[0]?.message ?? ''),
    });
  }

  onTestRunEnd() {
    if (process.env.RUN_REPORT) writeFileSync(process.env.RUN_REPORT, JSON.stringify(this.files));
  }
}
