import type { AcceptedUpdate, Shadow } from 'aws-iot-machines';
import { IotError } from 'aws-iot-machines';
import { assertEvent, assign, fromPromise, setup } from 'xstate';
import { z } from 'zod';

/** What a lamp may be. All of it is optional: an update says only what it changes. */
export const LampState = z
  .object({ power: z.enum(['on', 'off']), brightness: z.number().int().min(0).max(100) })
  .partial();
export type LampState = z.infer<typeof LampState>;

interface Wish {
  readonly shadow: Shadow<LampState>;
  readonly desired: LampState;
}

/** A machine of this app: one wish at a time, and why the last one was not granted. It calls the promises of the client. */
export const wishMachine = setup({
  types: {
    input: {} as { readonly shadow: Shadow<LampState> },
    context: {} as { readonly shadow: Shadow<LampState>; readonly refusal: string | undefined },
    events: {} as { readonly type: 'wish'; readonly desired: LampState },
  },
  actors: {
    update: fromPromise<AcceptedUpdate<LampState>, Wish>(
      async ({ input: { shadow, desired }, signal }) => await shadow.update({ desired }, { signal }),
    ),
  },
  actions: {
    forget: assign({ refusal: undefined }),
    remember: assign({ refusal: (_, { error }: { readonly error: unknown }) => explain(error) }),
  },
}).createMachine({
  id: 'wish',
  context: ({ input }) => ({ shadow: input.shadow, refusal: undefined }),
  initial: 'idle',
  states: {
    idle: { on: { wish: 'asking' } },
    asking: {
      entry: 'forget',
      invoke: {
        src: 'update',
        input: ({ context, event }) => {
          assertEvent(event, 'wish');
          return { shadow: context.shadow, desired: event.desired };
        },
        onDone: 'idle',
        onError: {
          target: 'idle',
          actions: { type: 'remember', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
  },
});

function explain(error: unknown): string {
  return IotError.is(error) ? `${error.code}: ${error.message}` : String(error);
}
