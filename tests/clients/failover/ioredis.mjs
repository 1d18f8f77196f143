// ioredis with its defaults: ioredis.mjs cluster|plain ADDRESS KEYS
import { Cluster, Redis } from "ioredis";
import { History } from "./history.mjs";

const [mode, address, keys] = process.argv.slice(2);
const client = mode === "cluster" ? new Cluster([`redis://${address}`]) : new Redis(`redis://${address}`);
client.on("error", () => {}); // what a request is answered is what counts
await new History(keys, (key) => client.get(key), (key, value) => client.set(key, value)).run();
