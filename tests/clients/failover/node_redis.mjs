// node-redis with its defaults: node_redis.mjs cluster|plain ADDRESS KEYS
import { createClient, createCluster } from "redis";
import { History } from "./history.mjs";

const [mode, address, keys] = process.argv.slice(2);
const url = `redis://${address}`;
const client = mode === "cluster" ? createCluster({ rootNodes: [{ url }] }) : createClient({ url });
client.on("error", () => {}); // what a request is answered is what counts
await client.connect();
await new History(keys, (key) => client.get(key), (key, value) => client.set(key, value)).run();
