import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';
import { CANNOT_RUN_HERE, FAULTS, INVARIANTS } from './catalogue.ts';
import { drawn, judge, NAMES_A_ROW, type Outcome } from './table.ts';

/** At the end prints what became of each row of the catalogue, and fails the run when one has neither a test nor a reason. */
export class FaultTable implements Reporter {
  #runner: Vitest | undefined;

  onInit(runner: Vitest): void {
    this.#runner = runner;
  }

  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    const outcomes = modules.flatMap((module) => [...module.children.allTests()].flatMap(outcomeOf));
    const { verdicts, complaints } = judge([...FAULTS, ...INVARIANTS], outcomes, CANNOT_RUN_HERE);
    const isWhole = await this.#isWhole(modules.length);
    // Of some tests only it is no wonder that most rows have none.
    const shown = isWhole ? verdicts : verdicts.filter(({ result }) => result !== 'no test');
    const found = isWhole ? complaints : complaints.filter((one) => !one.includes('neither'));
    const passed = verdicts.filter(({ result }) => result.startsWith('passed')).length;
    const sum = [
      `${passed} of ${FAULTS.length} faults and ${INVARIANTS.length} invariants passed`,
      `${Object.keys(CANNOT_RUN_HERE).length} cannot run here`,
      `${outcomes.length} tests`,
    ];
    console.log(`\n${[drawn(shown), '', ...found, sum.join('; ')].join('\n')}`);
    if (found.length > 0) process.exitCode = 1;
  }

  async #isWhole(modules: number): Promise<boolean> {
    const runner = this.#runner;
    if (runner?.config.testNamePattern?.source !== NAMES_A_ROW.source) return false;
    return (await runner.globTestSpecifications()).length === modules;
  }
}

/** Of a test that has run; what was left out, by a pattern or by itself, shows nothing. */
function outcomeOf(test: TestCase): Outcome[] {
  const { state } = test.result();
  return state === 'passed' || state === 'failed'
    ? [{ title: test.fullName, passed: state === 'passed' }]
    : [];
}
