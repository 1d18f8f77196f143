// BullMQ: a queue with a worker in a process of its own: plain, delayed, retried, prioritised and repeated jobs, a flow of parents
// and children; a node that dies loses none, and each result is right.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { FlowProducer, Queue, QueueEvents, Worker } from "bullmq";
import { Cluster, Redis } from "ioredis";
import { CLUSTER, DATABASE, GATEWAYS, OWN, ROUNDS, back, check, done, fault, sleep, unconfirmed } from "./frame.mjs";

const connection = () => {
  const client = OWN
    ? new Cluster(CLUSTER, { redisOptions: { maxRetriesPerRequest: null } })
    : new Redis({ ...GATEWAYS[0], db: DATABASE, maxRetriesPerRequest: null });
  client.on("error", (error) => console.error("connection", error.message));
  return client;
};
// All keys in one slot, as BullMQ wants them in a cluster.
const prefix = OWN ? "strong:{bull}" : "{bull}";
const work = async (job) => {
  if (job.name === "flaky" && job.attemptsMade < 2) throw new Error("not yet");
  await sleep(3);
  return { square: job.data.n * job.data.n };
};

if (process.argv[2] === "worker") {
  for (const [name, concurrency] of [["work", 5], ["ordered", 1]]) {
    const worker = new Worker(name, work, { connection: connection(), prefix, concurrency, lockDuration: 10_000, stalledInterval: 5_000 });
    worker.on("error", (error) => console.error("worker", error.message));
  }
} else {
  const queue = new Queue("work", { connection: connection(), prefix });
  const ordered = new Queue("ordered", { connection: connection(), prefix });
  const flows = new FlowProducer({ connection: connection(), prefix });
  const events = new QueueEvents("work", { connection: connection(), prefix });
  for (const part of [queue, ordered, flows, events]) part.on("error", (error) => console.error(error.message));
  await Promise.all([queue.waitUntilReady(), ordered.waitUntilReady(), events.waitUntilReady()]);
  let finished = 0;
  const heard = new Set();
  events.on("completed", ({ jobId }) => heard.add(jobId));

  // Those of higher priority (a lower number) go first, and jobs without any before them all.
  await ordered.pause();
  const priorities = [5, 1, 9, 3, 7, 2, 8, 4, 6];
  for (const priority of priorities) await ordered.add("ordered", { n: priority }, { priority });
  check((await ordered.getJobCounts("prioritized")).prioritized === 9, "prioritised jobs wait");

  const child = fork(fileURLToPath(import.meta.url), ["worker"], { stdio: ["ignore", 2, 2, "ipc"] });
  await ordered.resume();
  const sooner = Date.now();
  const delayed = await queue.add("delayed", { n: 7 }, { delay: 1000 });
  check((await delayed.waitUntilFinished(events, 20_000)).square === 49 && Date.now() - sooner >= 990, "a delayed job");
  const flow = await flows.add({ name: "parent", queueName: "work", data: { n: 3 }, children: [4, 5].map((n) => ({ name: "child", queueName: "work", data: { n } })) });
  check((await flow.job.waitUntilFinished(events, 20_000)).square === 9, "a flow's parent");
  check(Object.values(await flow.job.getChildrenValues()).map((v) => v.square).sort().join() === "16,25", "a flow's children");
  await queue.upsertJobScheduler("tick", { every: 200, limit: 3 }, { name: "tick", data: { n: 2 } });

  // Every job has an id of its own: added again, because nobody could tell, it is there once.
  const ids = [];
  let again = 0;
  const add = async (name, n, options) => {
    const jobId = `${name}-${n}`;
    for (;;) {
      try {
        await queue.add(name, { n }, { jobId, ...options });
        break;
      } catch (error) {
        if (!unconfirmed(error) && !OWN) throw error;
        again += 1;
        await sleep(100);
      }
    }
    ids.push([jobId, n]);
  };
  let adding = true, number = 0;
  const producer = (async () => {
    while (adding) {
      number += 1;
      if (number % 10 === 0) await add("flaky", number, { attempts: 3, backoff: { type: "fixed", delay: 50 } });
      else if (number % 5 === 0) await add("delayed", number, { delay: 300 });
      else if (number % 5 === 1) await add("ranked", number, { priority: number % 7 + 1 });
      else await add("plain", number);
      await sleep(10);
    }
  })();
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.race([producer, sleep(1500)]);
    await fault();
    await Promise.race([producer, sleep(5000)]);
    await back();
  }
  await Promise.race([producer, sleep(1000)]);
  adding = false;
  await producer;

  const deadline = Date.now() + 60_000;
  const left = new Map(ids);
  while (left.size > 0) {
    for (const [id, n] of [...left]) {
      const job = await queue.getJob(id);
      check(job, `job ${id} is lost`);
      const state = await job.getState();
      check(state !== "failed", `job ${id} failed: ${job.failedReason}`);
      if (state !== "completed") continue;
      check(job.returnvalue?.square === n * n, `job ${id} returned ${JSON.stringify(job.returnvalue)}`);
      if (id.startsWith("flaky")) check(job.attemptsMade >= 3, `${id} was tried ${job.attemptsMade} times`);
      left.delete(id);
      finished += 1;
    }
    check(Date.now() < deadline, `${left.size} of ${ids.length} jobs are not done: ${[...left.keys()].slice(0, 5)}`);
    if (left.size > 0) await sleep(200);
  }
  const order = (await ordered.getCompleted()).sort((a, b) => a.processedOn - b.processedOn || Number(a.id) - Number(b.id));
  check(order.length === 9, `${order.length} of 9 prioritised jobs are done`);
  const ranks = order.map((job) => job.data.n);
  check(ranks.join() === "1,2,3,4,5,6,7,8,9", `prioritised jobs went ${ranks}`);
  const ticks = (await queue.getCompleted(0, -1)).filter((job) => job.name === "tick").length;
  check(ticks === 3, `a job repeated thrice ran ${ticks} times`);
  child.kill("SIGKILL");
  await queue.obliterate({ force: true });
  check((await queue.getJobCountByTypes("completed", "waiting")) === 0, "obliterate");
  done({ jobs: finished, again, heard: heard.size });
}
