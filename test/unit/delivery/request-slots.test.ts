import { describe, expect, it } from 'vitest';
import { RequestSlots } from '../../../src/delivery/request-slots.ts';

/** Two places, and who was told what. */
function slots() {
  const places = new RequestSlots(2);
  const told: string[] = [];
  return {
    places,
    told,
    take: (name: string) => places.take(() => told.push(name)),
    onIdle: (name = 'idle') => places.onIdle(() => told.push(name)),
  };
}

describe('the places for requests', () => {
  it('are given at once while there are any, and then in order as they come back', () => {
    const { told, take } = slots();
    const [giveBackA, giveBackB] = ['a', 'b', 'c', 'd', 'e'].map(take);
    expect(told).toEqual(['a', 'b']);
    giveBackB?.();
    expect(told).toEqual(['a', 'b', 'c']);
    giveBackA?.();
    expect(told).toEqual(['a', 'b', 'c', 'd']);
  });

  it('come back once, however often they are given back', () => {
    const { told, take } = slots();
    const [giveBackA] = ['a', 'b', 'c', 'd'].map(take);
    giveBackA?.();
    giveBackA?.();
    expect(told).toEqual(['a', 'b', 'c']);
  });

  it('are not taken by who gave up waiting, who gives nothing back either', () => {
    const { told, take } = slots();
    const giveBackA = take('a');
    take('b');
    const giveUp = take('c');
    take('d');
    giveUp();
    expect(told).toEqual(['a', 'b']);
    giveBackA();
    giveUp();
    take('e');
    expect(told).toEqual(['a', 'b', 'd']);
  });

  it('are given to nobody during a pause, and to as many as there is room for after it', () => {
    const { places, told, take } = slots();
    places.pause();
    for (const name of ['a', 'b', 'c']) take(name);
    expect(told).toEqual([]);
    places.resume();
    expect(told).toEqual(['a', 'b']);
  });

  it('may be given back, and asked for, inside of the call that gives one', () => {
    const { places, told, take } = slots();
    take('a');
    const giveBack = take('b');
    places.take(() => {
      told.push('c');
      take('d');
    });
    giveBack();
    expect(told).toEqual(['a', 'b', 'c']);
  });
});

describe('the end of all requests', () => {
  it('is told at once when there are none', () => {
    const { told, onIdle } = slots();
    onIdle('first');
    onIdle('second');
    expect(told).toEqual(['first', 'second']);
  });

  it('is told once, to all who asked, when the last place has come back', () => {
    const { told, take, onIdle } = slots();
    const [giveBackA, giveBackB] = [take('a'), take('b')];
    onIdle('first');
    onIdle('second');
    giveBackA();
    expect(told).toEqual(['a', 'b']);
    giveBackB();
    expect(told).toEqual(['a', 'b', 'first', 'second']);
    take('c')();
    expect(told).toEqual(['a', 'b', 'first', 'second', 'c']);
  });

  it('is not told to who asked no longer, nor while another request takes the place', () => {
    const { told, take, onIdle } = slots();
    const giveBacks = [take('a'), take('b'), take('c')];
    const forget = onIdle('nobody');
    onIdle();
    forget();
    giveBacks[0]?.();
    giveBacks[1]?.();
    expect(told).toEqual(['a', 'b', 'c']);
    giveBacks[2]?.();
    expect(told).toEqual(['a', 'b', 'c', 'idle']);
  });

  it('is told during a pause, although some wait for a place', () => {
    const { places, told, take, onIdle } = slots();
    const giveBack = take('a');
    places.pause();
    take('b');
    onIdle();
    giveBack();
    expect(told).toEqual(['a', 'idle']);
  });
});
