// @ts-check
// One attempt at a line to the modem, as the connection machine wants it: it tells what happens, in this order, and can be
// freed at any time. It keeps no deadline and tries nothing again: that is what the machine is for.

import { connect } from 'node:net';
import { IotError } from 'aws-iot-machines';

/**
 * @param {number} port
 * @returns {import('aws-iot-machines/machines').OpenTransport}
 */
export function modemTransport(port) {
  return (report) => {
    const socket = connect(port, '127.0.0.1');
    let isReady = false;
    // This modem asks nobody who he is.
    report({ type: 'transport.signedIn' });
    socket.once('data', () => {
      isReady = true;
      report({ type: 'transport.connected', session: { sessionPresent: false, receiveMaximum: 100 } });
    });
    /** @type {Error | undefined} */
    let cause;
    socket.on('error', (error) => {
      cause = error;
    });
    // The code decides what follows: the usual backoff, a slow one, or none.
    socket.on('close', () => {
      if (isReady) {
        const error = new IotError('CONNECTION_LOST', 'the modem has hung up', { cause });
        report({ type: 'transport.closed', error });
      } else {
        const error = new IotError('NETWORK_UNREACHABLE', 'the modem does not answer', { cause });
        report({ type: 'transport.failed', error });
      }
    });
    return {
      disconnect: () => void socket.end('BYE\n'),
      free: () => void socket.removeAllListeners('close').destroy(),
    };
  };
}
