const EXIT_CODE_OF = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** npm passes Ctrl-C on to a child that had it from the terminal already: that is one, not two. */
const ONE_KEYSTROKE_MS = 300;

/**
 * Runs until the end, or until the user wants it to end: Ctrl-C, SIGTERM and a terminal that is closed abort the signal, and
 * the run frees what it holds. A second one ends the process at once.
 *
 * @returns the exit code: that of the run, 130 after Ctrl-C, 143 after SIGTERM
 */
export async function untilInterrupted(
  run: (signal: AbortSignal) => Promise<number>,
  interrupted: (signal: NodeJS.Signals) => void,
): Promise<number> {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let since = 0;
  const interrupt = (signal: keyof typeof EXIT_CODE_OF): void => {
    if (exitCode !== undefined) {
      if (performance.now() - since > ONE_KEYSTROKE_MS) process.exit(exitCode);
      return;
    }
    since = performance.now();
    exitCode = EXIT_CODE_OF[signal];
    interrupted(signal);
    controller.abort();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  // Where there is none to be closed, `nohup` may have asked to go on.
  if (process.stdout.isTTY) process.on('SIGHUP', interrupt);
  try {
    const ended = await run(controller.signal);
    return exitCode ?? ended;
  } catch (error) {
    if (exitCode === undefined) throw error;
    return exitCode;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt).off('SIGHUP', interrupt);
  }
}
