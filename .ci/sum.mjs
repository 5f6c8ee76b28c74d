// Sums what the suites of .ci/run report. Usage: node .ci/sum.mjs results.tsv, with `name, exit code, report` a line.
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** A command without a report is one thing that passed or failed. */
function ofCommand(exitCode) {
  return exitCode === 0
    ? { passed: 1, failed: 0, note: 'the command as one' }
    : { passed: 0, failed: 1, note: `the command as one, exit code ${exitCode}` };
}

/** A suite counts its tests, but may not pass by counting: no report, no test or a crash beside them is a failure. */
function ofSuite(exitCode, reportPath) {
  let report;
  try {
    report = JSON.parse(readFileSync(reportPath, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, note: `no report, exit code ${exitCode}` };
  }
  const passed = report.numPassedTests ?? 0;
  const failed = report.numFailedTests ?? 0;
  const skipped = (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0);
  const names = (report.testResults ?? []).flatMap(namesOfFailed);
  if (passed + failed === 0) return { passed, failed: 1, note: 'no test ran' };
  if (exitCode !== 0 && failed === 0) {
    return { passed, failed: 1, note: `no test failed, but the exit code is ${exitCode}`, names };
  }
  return { passed, failed, note: `${skipped} skipped`, names };
}

/** What failed, where, and the first lines of why: who has only the end of what CI printed must be able to begin. */
function namesOfFailed({ name, status, message, assertionResults }) {
  const failed = assertionResults.filter((test) => test.status === 'failed');
  const file = path.relative(process.cwd(), name);
  if (failed.length === 0 && status === 'failed') return [`${file}\n${firstLines(message)}`];
  return failed.map((test) => `${file}: ${test.fullName}\n${firstLines(test.failureMessages.join('\n'))}`);
}

function firstLines(message = '') {
  return message
    .split('\n')
    .slice(0, 8)
    .map((line) => `    ${line}`)
    .join('\n');
}

const results = readFileSync(process.argv[2], 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split('\t'))
  .map(([name, exitCode, report]) => ({
    name,
    ...(report === '-' ? ofCommand(Number(exitCode)) : ofSuite(Number(exitCode), report)),
  }));

for (const { names = [] } of results) for (const name of names) console.log(`failed: ${name}`);
for (const { name, passed, failed, note } of results) {
  console.log(`${name}: ${passed} passed, ${failed} failed (${note})`);
}
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.reduce((sum, result) => sum + result.failed, 0);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
