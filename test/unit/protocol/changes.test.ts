import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Changes } from '../../../src/protocol/changes.ts';
import { IotError } from '../../../src/protocol/errors.ts';

const closed = new IotError('CLOSED', 'it is over');

describe('waiting until something has become true', () => {
  /** What was asked to be done after this turn. */
  let due: (() => void)[];
  let changes: Changes;
  let value: number;
  /** What became of each that waits. */
  let told: string[];

  const endTurn = () => {
    for (const look of due.splice(0)) look();
  };
  const wait = (name: string, isTrue: () => boolean) =>
    void changes.when(isTrue).then(
      () => told.push(name),
      (error: unknown) => told.push(`${name}: ${(error as Error).message}`),
    );

  beforeEach(() => {
    due = [];
    value = 0;
    told = [];
    changes = new Changes((look) => due.push(look));
  });

  it('is over at once when it is true already, also when nothing changes any more', async () => {
    wait('first', () => true);
    changes.close(closed);
    wait('second', () => true);
    await vi.waitFor(() => expect(told).toEqual(['first', 'second']));
    expect(due).toEqual([]);
  });

  it('is over after the turn in which it became true, for each by itself', async () => {
    wait('one', () => value >= 1);
    wait('two', () => value >= 2);
    value = 1;
    changes.changed();
    await Promise.resolve();
    expect(told).toEqual([]);
    endTurn();
    await vi.waitFor(() => expect(told).toEqual(['one']));
    value = 2;
    changes.changed();
    endTurn();
    await vi.waitFor(() => expect(told).toEqual(['one', 'two']));
  });

  it('looks once at all changes of a turn, and never when nobody waits', () => {
    changes.changed();
    expect(due).toHaveLength(0);
    const isTrue = vi.fn(() => false);
    wait('never', isTrue);
    changes.changed();
    changes.changed();
    expect(due).toHaveLength(1);
    endTurn();
    expect(isTrue).toHaveBeenCalledTimes(2);
    changes.changed();
    expect(due).toHaveLength(1);
  });

  it('asks nobody again who was told', () => {
    const isTrue = vi.fn(() => value === 1);
    wait('one', isTrue);
    wait('never', () => false);
    value = 1;
    changes.changed();
    endTurn();
    changes.changed();
    endTurn();
    expect(isTrue).toHaveBeenCalledTimes(2);
  });

  it('fails with what the question throws, at once or later, and asks no more', async () => {
    const isTrue = vi.fn((): boolean => {
      throw new Error('no answer');
    });
    wait('at once', isTrue);
    changes.changed();
    expect(due).toHaveLength(0);
    wait('later', () => {
      if (value === 1) throw new Error('no answer any more');
      return false;
    });
    value = 1;
    changes.changed();
    endTurn();
    await vi.waitFor(() => expect(told).toEqual(['at once: no answer', 'later: no answer any more']));
    changes.changed();
    expect(due).toHaveLength(0);
    expect(isTrue).toHaveBeenCalledTimes(1);
  });

  it('fails for all who still wait, and for all who come later, with the first reason of the end', async () => {
    wait('before', () => false);
    changes.close(closed);
    changes.close(new IotError('ABORTED', 'another end'));
    wait('after', () => false);
    await vi.waitFor(() => expect(told).toEqual(['before: it is over', 'after: it is over']));
    changes.changed();
    expect(due).toHaveLength(0);
  });
});
