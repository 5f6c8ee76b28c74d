// @ts-check
// One attempt at a line to the modem, as the connection machine wants it: it tells facts, in their order, and can be freed at
// any time. It keeps no deadline and tries nothing again: the machine does.

import { IotError } from 'aws-iot-machines';
import { connect } from 'node:net';

/**
 * @param {number} port
 * @returns {import('aws-iot-machines/machines').OpenTransport}
 */
export function modemTransport(port) {
  return (report) => {
    const socket = connect(port, '127.0.0.1');
    let isReady = false;
    report({ type: 'transport.signedIn' });
    socket.on('data', () => {
      if (isReady) return;
      isReady = true;
      report({ type: 'transport.connected', session: { sessionPresent: false, receiveMaximum: 100 } });
    });
    // Its reason comes with `close`.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      const error = new IotError('CONNECTION_LOST', 'the modem has hung up');
      report({ type: isReady ? 'transport.closed' : 'transport.failed', error });
    });
    return {
      disconnect: () => void socket.end('BYE\n'),
      free: () => void socket.removeAllListeners('close').destroy(),
    };
  };
}
