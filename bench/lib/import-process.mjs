// Imports one package in a fresh process and tells what that cost.
const start = { wall: performance.now(), cpu: process.cpuUsage() };
await import(process.argv[2]);
const { user, system } = process.cpuUsage(start.cpu);
process.send({ ready: { wall: performance.now() - start.wall, cpu: (user + system) / 1_000 } });
