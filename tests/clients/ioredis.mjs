// ioredis: cluster mode on the cluster door and standalone on a gateway, RESP3 where the release has it.
import { Cluster, Redis } from "ioredis";
import { KEYS, address, check, keys, same, value } from "./workload.mjs";

async function scan(node, label) {
  const seen = [];
  let cursor = "0";
  do {
    const [next, found] = await node.scan(cursor, "MATCH", `${label}:*`, "COUNT", 500);
    seen.push(...found);
    cursor = next;
  } while (cursor !== "0");
  return seen;
}

async function run(client, label, nodes) {
  const names = keys(label);
  for (const node of nodes) await node.flushdb();
  for (let at = 0; at < KEYS; at += 500) {
    await Promise.all(names.slice(at, at + 500).map((key, i) => client.set(key, value(at + i))));
  }
  for (let at = 0; at < KEYS; at += 500) {
    const got = await Promise.all(names.slice(at, at + 500).map((key) => client.getBuffer(key)));
    got.forEach((bytes, i) => check(same(bytes, value(at + i)), label, `GET ${names[at + i]}`));
  }
  for (let at = 0; at < KEYS; at += 10) {
    const got = await client.mgetBuffer(names.slice(at, at + 10));
    got.forEach((bytes, i) => check(same(bytes, value(at + i)), label, `MGET at ${at}`));
  }
  for (let n = 0; n < 100; n++) {
    check((await client.expire(names[n], 1000 + n)) === 1, label, "EXPIRE");
    const ttl = await client.ttl(names[n]);
    check(ttl > 900 && ttl <= 1000 + n, label, `TTL ${ttl}`);
  }
  const seen = new Set();
  for (const node of nodes) for (const key of await scan(node, label)) seen.add(key);
  check(seen.size === KEYS && names.every((name) => seen.has(name)), label, `SCAN saw ${seen.size} of ${KEYS}`);
  console.log(`ok ${label}: ${KEYS} keys`);
}

const [clusterDoor, gateway] = process.argv.slice(2, 4).map(address);
const cluster = new Cluster([clusterDoor]);
cluster.on("error", (error) => check(false, "ioredis", error));
await new Promise((resolve) => cluster.once("ready", resolve));
check(cluster.nodes("master").length === 3, "ioredis", `${cluster.nodes("master").length} masters`);
await run(cluster, "ioredis-cluster", cluster.nodes("master"));
await cluster.quit();
for (const protocol of [2, 3]) {
  const client = new Redis({ ...gateway, protocol });
  client.on("error", (error) => check(false, "ioredis", error));
  await run(client, `ioredis-gateway-resp${protocol}`, [client]);
  await client.quit();
}
