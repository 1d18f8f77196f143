// redlock: contenders for locks, through the loss of a node: never two inside, and all get in.
import { Cluster, Redis } from "ioredis";
import Redlock from "redlock";
import { CLUSTER, DATABASE, GATEWAYS, OWN, check, done, sleep, throughFaults } from "./frame.mjs";

const client = OWN ? new Cluster(CLUSTER) : new Redis({ ...GATEWAYS[0], db: DATABASE });
client.on("error", () => {});
const redlock = new Redlock([client], { retryCount: 20, retryDelay: 50, retryJitter: 20 });
redlock.on("clientError", () => {});
const impatient = new Redlock([client], { retryCount: 0 });
impatient.on("clientError", () => {});
const lock = await redlock.lock("one", 500);
check(await impatient.lock("one", 500).then(() => false, () => true), "a lock that is held");
const longer = await lock.extend(1000);
await longer.unlock();
await (await impatient.lock("one", 100)).unlock();
check(await lock.unlock().then(() => false, () => true), "unlock of what is not held");
const many = await redlock.lock(["{a}1", "{a}2"], 500);
check(await impatient.lock("{a}2", 500).then(() => false, () => true), "a lock of several");
await many.unlock();

const inside = new Set(), held = [0, 0, 0];
let refused = 0;
const figures = await throughFaults(async (thread) => {
  const name = `strong:lock${Math.floor(Math.random() * 3)}`;
  const began = performance.now();
  let lock;
  try {
    lock = await redlock.lock(name, 10_000);
  } catch {
    refused += 1; // no quorum of one: it is held, or nobody can tell
    return;
  }
  if (performance.now() - began > 8000) return;
  check(!inside.has(name), `two inside ${name}`);
  inside.add(name);
  await sleep(2);
  inside.delete(name);
  held[thread] += 1;
  await lock.unlock().catch(() => refused++);
});
check(Math.min(...held) > 10, `got in ${held}`);
const patient = new Redlock([client], { retryCount: 60, retryDelay: 200 });
patient.on("clientError", () => {});
for (let n = 0; n < 3; n++) await patient.lock(`strong:lock${n}`, 1000);
done({ held: held.reduce((a, b) => a + b), refused, ...figures });
