// Debian's broker as a child of this process, with nothing on that costs it time: no log, no database.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { delimiter, join } from 'node:path';
import { removeFolder, temporaryFolder } from './package.mjs';

/** Where distributions put a server's binary, beside what the PATH names. */
const PATH = [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter);

const settings = (port) => `
user root
listener ${port} 127.0.0.1
allow_anonymous true
persistence false
log_dest stderr
log_type error
log_type warning
log_type information
connection_messages false
# As many as AWS, and nothing thrown away, however slow a client is.
max_inflight_messages 100
max_queued_messages 0
`;

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts it, and has the face of any child that {@link import('./child.mjs').startClients} connects to. */
export async function startMosquitto() {
  const folder = temporaryFolder();
  const port = await freePort();
  writeFileSync(join(folder, 'configuration'), settings(port));
  const child = spawn('mosquitto', ['-c', join(folder, 'configuration')], {
    env: { PATH },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const endWithMe = () => child.kill('SIGKILL');
  process.on('exit', endWithMe);
  await new Promise((resolve, reject) => {
    let said = '';
    child.on('error', reject);
    child.on('close', () => reject(new Error(`mosquitto ended:\n${said}`)));
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
      if (said.includes(' running\n')) resolve();
    });
  });
  removeFolder(folder);
  return {
    ready: { port },
    async stop() {
      const isOver = once(child, 'close');
      child.kill('SIGKILL');
      await isOver;
      process.off('exit', endWithMe);
    },
  };
}
