import { describe, expect, test } from 'vitest';
import {
  ActorSubject,
  connectionModel,
  coverageOf,
  deviceShadowModel,
  invariantsOf,
  type MachineModel,
  offlineQueueModel,
  pathsOf,
  placeOf,
  shadowOperationModel,
  subscriptionsModel,
} from '../../src/testing/index.ts';

const MODELS: readonly (readonly [string, MachineModel])[] = [
  ['connectionModel()', connectionModel()],
  ['offlineQueueModel()', offlineQueueModel()],
  ['subscriptionsModel()', subscriptionsModel()],
  ...[false, true].flatMap((waitForConnection) =>
    [false, true].map(
      (keepsTopics) =>
        [
          `shadowOperationModel() ${JSON.stringify({ waitForConnection, keepsTopics })}`,
          shadowOperationModel({ waitForConnection, keepsTopics }),
        ] as const,
    ),
  ),
  ['deviceShadowModel()', deviceShadowModel()],
];

describe.each(MODELS)('%s', (_name, model) => {
  const paths = pathsOf(model);

  for (const { description, check } of invariantsOf(model)) test(description, check);

  test('each path has a description of its own, and goes where the model says', () => {
    expect(new Set(paths.map(({ description }) => description)).size).toBe(paths.length);
    for (const { steps, state } of paths) {
      for (const [index, { from }] of steps.entries())
        if (index > 0) expect(steps[index - 1]?.state).toBe(from);
      expect(steps.at(-1)?.state).toBe(state);
    }
  });

  test('its paths take every transition of a running machine, but for those that it leaves out', async () => {
    const coverage = coverageOf(model);
    for (const path of paths) await path.test(new ActorSubject(model, { inspect: coverage.observe }));
    coverage.expectAll({ except: model.without });
  });

  test('paths to states are fewer, and reach every place', () => {
    const toStates = pathsOf(model, { cover: 'states' });
    expect(toStates.length).toBeLessThan(paths.length);
    const places = (all: typeof paths) =>
      new Set(all.flatMap(({ steps }) => steps.map(({ state }) => placeOf(state))));
    const first = placeOf(paths[0]?.steps[0]?.from ?? { value: '' });
    expect(new Set([...places(toStates), first])).toEqual(new Set([...places(paths), first]));
  });
});

test('a request is one of three kinds, and its wishes are true or false', () => {
  expect(() => shadowOperationModel({ kind: 'put' as 'get' })).toThrow(
    "kind must be 'get', 'update' or 'delete'",
  );
  expect(() => shadowOperationModel({ keepsTopics: 1 as never })).toThrow(
    'keepsTopics must be true or false',
  );
});
