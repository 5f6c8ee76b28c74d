// How a program is told what to do and tells what happened: over the IPC channel of its parent, which also ends it.

/** The packages that the suite has installed, where the broker is, how to sign in to it, and what only this program is told. */
export const { packages, endpoint, port, region, clientId, ca, signIn, settings } = JSON.parse(
  process.argv[2],
);

export function tell(event, facts = {}) {
  process.send({ event, ...facts });
}

/** Handles `{ subscribe: topic }` and `{ publish: topic, payload }`. A failure ends the program, visibly. */
export function obey({ subscribe, publish }) {
  const carryOut = async (command) => {
    if ('subscribe' in command) await subscribe(command.subscribe);
    else await publish(command.publish, command.payload);
    tell('done');
  };
  // A rejection that nobody handles ends the process.
  process.on('message', (command) => void carryOut(command));
}

/** Answers each `{ id, call, … }` with what the function of that name makes of it. */
export function serve(calls) {
  const answer = async ({ id, call, ...facts }) => tell('answer', { id, outcome: await calls[call](facts) });
  process.on('message', (command) => void answer(command));
}
