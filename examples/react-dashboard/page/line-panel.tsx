import { useState } from 'react';
import { disturb, type LineFault } from './broker.ts';

export function LinePanel() {
  const [isDown, setDown] = useState(false);
  const press = (fault: LineFault) => {
    if (fault !== 'cut') setDown(fault === 'down');
    disturb(fault).catch(console.error);
  };
  return (
    <section aria-labelledby="line">
      <h2 id="line">What the network does</h2>
      <p>{isDown ? 'Nobody answers at the broker.' : 'The broker can be reached.'}</p>
      <div className="buttons">
        <button type="button" disabled={isDown} onClick={() => press('cut')}>
          Cut the line once
        </button>
        <button type="button" onClick={() => press(isDown ? 'up' : 'down')}>
          {isDown ? 'Give the network back' : 'Take the network away'}
        </button>
      </div>
    </section>
  );
}
