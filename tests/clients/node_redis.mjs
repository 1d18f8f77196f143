// node-redis: cluster mode on the cluster door and standalone on a gateway, RESP2 and RESP3.
import { createClient, createCluster, RESP_TYPES } from "redis";
import { KEYS, address, check, keys, same, value } from "./workload.mjs";

const buffers = { [RESP_TYPES.BLOB_STRING]: Buffer };

async function scan(client, label) {
  const seen = new Set();
  for await (const batch of client.scanIterator({ MATCH: `${label}:*`, COUNT: 500 })) {
    for (const key of Array.isArray(batch) ? batch : [batch]) seen.add(key.toString());
  }
  return seen;
}

async function run(client, label, nodes) {
  const names = keys(label);
  for (const node of nodes) await node.flushDb();
  for (let at = 0; at < KEYS; at += 500) {
    await Promise.all(names.slice(at, at + 500).map((key, i) => client.set(key, value(at + i))));
  }
  const raw = client.withTypeMapping(buffers);
  for (let at = 0; at < KEYS; at += 500) {
    const got = await Promise.all(names.slice(at, at + 500).map((key) => raw.get(key)));
    got.forEach((bytes, i) => check(same(bytes, value(at + i)), label, `GET ${names[at + i]}`));
  }
  for (let at = 0; at < KEYS; at += 10) {
    const got = await raw.mGet(names.slice(at, at + 10));
    got.forEach((bytes, i) => check(same(bytes, value(at + i)), label, `MGET at ${at}`));
  }
  for (let n = 0; n < 100; n++) {
    await client.expire(names[n], 1000 + n);
    const ttl = await client.ttl(names[n]);
    check(ttl > 900 && ttl <= 1000 + n, label, `TTL ${ttl}`);
  }
  const seen = new Set();
  for (const node of nodes) for (const key of await scan(node, label)) seen.add(key);
  check(seen.size === KEYS && names.every((name) => seen.has(name)), label, `SCAN saw ${seen.size} of ${KEYS}`);
  console.log(`ok ${label}: ${KEYS} keys`);
}

const [clusterDoor, gateway] = process.argv.slice(2, 4).map(address);
for (const RESP of [2, 3]) {
  const cluster = createCluster({ rootNodes: [{ url: `redis://${clusterDoor.host}:${clusterDoor.port}` }], RESP });
  cluster.on("error", (error) => check(false, "node-redis", error));
  await cluster.connect();
  check(cluster.masters.length === 3, "node-redis", `${cluster.masters.length} masters`);
  const nodes = await Promise.all(cluster.masters.map((master) => cluster.nodeClient(master)));
  await run(cluster, `node-cluster-resp${RESP}`, nodes);
  await cluster.close();
  const client = createClient({ url: `redis://${gateway.host}:${gateway.port}`, RESP });
  client.on("error", (error) => check(false, "node-redis", error));
  await client.connect();
  await run(client, `node-gateway-resp${RESP}`, [client]);
  await client.close();
}
