// What every framework's script in JavaScript needs; frame.py tells of it.
import { createInterface } from "node:readline";

const env = process.env;
export const address = (text) => {
  const at = text.lastIndexOf(":");
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
};
export const GATEWAYS = env.GATEWAYS.split(",").map(address);
export const CLUSTER = env.CLUSTER.split(",").map(address);
export const DATABASE = Number(env.DATABASE);
export const STRONG = env.STRONG === "1";
export const ROUNDS = Number(env.ROUNDS);
export const OWN = env.PASS === "own";

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function ask(word) {
  console.log(`@${word}`);
  if ((await answers.next()).done) process.exit(3);
}
export const fault = () => ask("fault");
export const back = () => ask("back");
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export function check(right, what) {
  if (!right) throw new Error(what);
}
export function done(figures) {
  console.log(`@ok ${JSON.stringify(figures)}`);
  process.exit(0);
}
// The one error that a request may meet on a gateway while a node dies.
export const unconfirmed = (error) => String(error?.message ?? error).includes("not confirmed");

// Runs step(thread) again and again in some loops, while each of the nodes is killed and comes back.
export async function throughFaults(step, { threads = 3, before = 700, after = 4000 } = {}) {
  let stop = false, steps = 0, longest = 0;
  const load = async (thread) => {
    while (!stop) {
      const began = performance.now();
      await step(thread);
      longest = Math.max(longest, performance.now() - began);
      steps += 1;
    }
  };
  const faults = async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await sleep(before);
      await fault();
      await sleep(after);
      await back();
    }
    await sleep(before);
    stop = true;
  };
  await Promise.all([faults(), ...Array.from({ length: threads }, (_, thread) => load(thread))]);
  return { steps, longest_ms: Math.round(longest) };
}
