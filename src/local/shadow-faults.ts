import { invalid } from '../protocol/errors.ts';
import { ShadowRefusal } from './shadow-errors.ts';

/** How the shadow service misbehaves now. */
export class ShadowFaults {
  #delayMs = 0;
  #failure: { readonly refusal: ShadowRefusal; times: number } | undefined;
  #lost = 0;

  /** How late everything is that it says. */
  get delayMs(): number {
    return this.#delayMs;
  }

  delay(delayMs: number): void {
    if (!(Number.isFinite(delayMs) && delayMs >= 0)) throw invalid('delayMs', 'a number from 0', delayMs);
    this.#delayMs = delayMs;
  }

  fail(code: number, message: string | undefined, times: number): void {
    checkTimes(times);
    if (times > 0 && !(Number.isInteger(code) && code >= 400 && code <= 599)) {
      throw invalid('code', 'a whole number from 400 to 599', code);
    }
    this.#failure = { refusal: new ShadowRefusal(code, message), times };
  }

  loseAnswers(times: number): void {
    checkTimes(times);
    this.#lost = times;
  }

  /** What to refuse the request with that came now. */
  takeFailure(): ShadowRefusal | undefined {
    if (this.#failure === undefined || this.#failure.times <= 0) return undefined;
    this.#failure.times -= 1;
    return this.#failure.refusal;
  }

  /** Whether nobody hears the answer to the request that came now. */
  takeLoss(): boolean {
    if (this.#lost <= 0) return false;
    this.#lost -= 1;
    return true;
  }
}

function checkTimes(times: number): void {
  if (!(times >= 0)) throw invalid('times', 'a number from 0', times);
}
