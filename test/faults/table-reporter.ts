import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';
import { CANNOT_RUN_HERE, FAULTS, INVARIANTS } from './catalogue.ts';
import { drawn, judge, type Outcome } from './table.ts';

/** At the end prints what became of each row of the catalogue, and fails the run when one has neither a test nor a reason. */
export class FaultTable implements Reporter {
  #isWhole = true;

  onInit({ filenamePattern }: Vitest): void {
    this.#isWhole = filenamePattern === undefined || filenamePattern.length === 0;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const outcomes = modules.flatMap((module) => [...module.children.allTests()].flatMap(outcomeOf));
    const { verdicts, complaints } = judge([...FAULTS, ...INVARIANTS], outcomes, CANNOT_RUN_HERE);
    // Of some files only it is no wonder that most rows have no test.
    const shown = this.#isWhole ? verdicts : verdicts.filter(({ result }) => result !== 'no test');
    const found = this.#isWhole ? complaints : complaints.filter((one) => !one.includes('neither'));
    const passed = verdicts.filter(({ result }) => result.startsWith('passed')).length;
    console.log(`\n${drawn(shown)}\n\n${[...found, ''].join('\n')}`);
    console.log(
      `${passed} of ${verdicts.length} rows passed, of them ${FAULTS.length} faults and ${INVARIANTS.length} invariants; ${Object.keys(CANNOT_RUN_HERE).length} cannot run here; ${outcomes.length} tests`,
    );
    if (found.length > 0) process.exitCode = 1;
  }
}

/** Of a test that has run; what was left out, by a pattern or by itself, shows nothing. */
function outcomeOf(test: TestCase): Outcome[] {
  const { state } = test.result();
  return state === 'passed' || state === 'failed'
    ? [{ title: test.fullName, passed: state === 'passed' }]
    : [];
}
