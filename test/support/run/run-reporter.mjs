import { writeFileSync } from 'node:fs';

/**
 * Writes the result of each test file in each suite, and its duration in seconds, including loading and hooks. Vitest's
 * own JSON report does not contain the suite, and counts only the time inside tests, although a suite that starts the app
 * spends most of its time in hooks.
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
