import { useActorRef, useSelector } from '@xstate/react';
import type { IotClient, Shadow, ShadowState } from 'aws-iot-machines';
import { useCallback, useMemo, useState, useSyncExternalStore } from 'react';
import { LampState, wishMachine } from './lamp.ts';

const FIELDS = ['power', 'brightness'] as const;

/** The live copy: the shadow is watched as long as somebody looks at it. */
function useShadowState<T>(shadow: Shadow<T>): ShadowState<T> {
  const watch = useCallback((changed: () => void) => shadow.onState(changed), [shadow]);
  // It stays the same object until something changes, as React wants it.
  return useSyncExternalStore(watch, () => shadow.state);
}

interface Props {
  readonly client: IotClient;
  readonly thingName: string;
}

export function ShadowPanel({ client, thingName }: Props) {
  // The same address gives the same shadow, however often React asks.
  const shadow = useMemo(() => client.shadow(thingName, { schema: LampState }), [client, thingName]);
  const { desired, reported, delta, version, synced } = useShadowState(shadow);
  return (
    <section aria-labelledby="shadow">
      <h2 id="shadow">Shadow of {thingName}</h2>
      <p>
        {synced
          ? `In sync, version ${version ?? 'none'}.`
          : 'May be old: it is followed again once there is a line.'}
      </p>
      <table>
        <thead>
          <tr>
            <td />
            <th scope="col">desired</th>
            <th scope="col">reported</th>
            <th scope="col">delta</th>
          </tr>
        </thead>
        <tbody>
          {FIELDS.map((field) => (
            <tr key={field}>
              <th scope="row">{field}</th>
              <td data-shadow={`desired ${field}`}>{desired?.[field] ?? '—'}</td>
              <td data-shadow={`reported ${field}`}>{reported?.[field] ?? '—'}</td>
              <td data-shadow={`delta ${field}`} className="delta">
                {delta?.[field] ?? '—'}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Wishes key={thingName} shadow={shadow} />
    </section>
  );
}

function Wishes({ shadow }: { readonly shadow: Shadow<LampState> }) {
  const wishes = useActorRef(wishMachine, { input: { shadow } });
  const isAsking = useSelector(wishes, (snapshot) => snapshot.matches('asking'));
  const refusal = useSelector(wishes, ({ context }) => context.refusal);
  const [brightness, setBrightness] = useState(60);
  const wish = (desired: LampState) => wishes.send({ type: 'wish', desired });
  return (
    <>
      <div className="buttons">
        <button type="button" disabled={isAsking} onClick={() => wish({ power: 'on' })}>
          Switch on
        </button>
        <button type="button" disabled={isAsking} onClick={() => wish({ power: 'off' })}>
          Switch off
        </button>
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          wish({ brightness });
        }}
      >
        <label>
          Brightness <output>{brightness} %</output>
          <input
            type="range"
            min="0"
            max="100"
            value={brightness}
            onChange={(event) => setBrightness(event.target.valueAsNumber)}
          />
        </label>
        <button type="submit" disabled={isAsking}>
          Desire it
        </button>
      </form>
      <p role="status" className="hint">
        {refusal}
      </p>
    </>
  );
}
