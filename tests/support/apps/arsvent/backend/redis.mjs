// Whether Redis answers: one PING over TCP, all this stand-in needs of it.
import { connect } from 'node:net';

/** Resolves to what is wrong, in words, or undefined. */
export function whyRedisIsNotReady(url) {
  const { hostname, port } = new URL(url);
  return new Promise(resolve => {
    const socket = connect({ host: hostname, port: Number(port || 6379), timeout: 1000 });
    const done = reason => {
      socket.destroy();
      resolve(reason);
    };
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('data', answer =>
      done(String(answer).startsWith('+PONG') ? undefined : `redis says ${String(answer).slice(0, 60).trim()}`),
    );
    socket.on('timeout', () => done('redis does not answer within 1 s'));
    socket.on('error', error => done(`redis cannot be reached: ${error.message}`));
    socket.on('end', () => done('redis hung up'));
  });
}
