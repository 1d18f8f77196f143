// What every JavaScript client does while nodes fail; see history.py, which says it and does the same with threads.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const TASKS = 16;
const now = () => Number(process.hrtime.bigint()) / 1e9; // the clock of Python's time.monotonic()
const say = (word, figures) => process.stdout.write(`${word} ${JSON.stringify(figures)}\n`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class History {
  constructor(file, get, set) {
    const names = JSON.parse(readFileSync(file, "utf8"));
    const key = (strong) => (name) => ({ name, strong, tried: 0, acknowledged: 0, round: 0 });
    this.keys = [...names.strong.map(key(true)), ...names.eventual.map(key(false))];
    Object.assign(this, { get, set, round: 0, since: now(), left: 0, mayLose: false, stopping: false });
    this.forget();
  }

  async run() {
    await Promise.all(this.keys.map((key) => this.write(key)));
    this.forget();
    const tasks = Array.from({ length: TASKS }, (_, n) => this.work(this.keys.filter((_, i) => i % TASKS === n)));
    say("ready", { at_once: TASKS });
    for await (const line of createInterface({ input: process.stdin })) {
      const [word, since, what] = line.split(" ");
      if (word === "fault") this.begin(Number(since), what === "strong");
      if (word === "calm") {
        this.mayLose = false;
        this.report("calm");
      }
      if (word === "stop") break;
    }
    this.stopping = true;
    await Promise.race([Promise.all(tasks), sleep(10_000)]);
    await Promise.all(this.keys.map((key) => this.read(key)));
    say("done", {});
    process.exit(0);
  }

  begin(since, mayLose) {
    Object.assign(this, { since, mayLose, round: this.round + 1, left: this.keys.length });
  }

  async work(keys) {
    while (!this.stopping) {
      for (const key of keys) {
        if (!this.stopping && (this.left === 0 || key.round < this.round)) await this.visit(key);
      }
      await sleep(1);
    }
  }

  async visit(key) {
    const round = this.round;
    try {
      await this.read(key);
      await this.write(key);
    } catch (error) {
      this.errors += 1;
      this.lastError = `${error.name}: ${error.message}`.slice(0, 120);
      await sleep(10);
      return;
    }
    if (key.round < round && round === this.round) {
      key.round = round;
      this.left -= 1;
      if (this.left === 0) this.report("recovered");
    }
  }

  async read(key) {
    const got = await this.timed(() => this.get(key.name));
    const value = got ? Number(got.split(":")[0]) : 0;
    if (value > key.tried) fail(`${key.name} is ${value}, written were ${key.tried}`);
    if (value < key.acknowledged) {
      if (key.strong || !this.mayLose) fail(`${key.name} is ${value}, acknowledged was ${key.acknowledged}`);
      this.lost += 1;
      key.acknowledged = value;
    }
  }

  async write(key) {
    key.tried += 1;
    try {
      await this.timed(() => this.set(key.name, `${key.tried}:${".".repeat(50)}`));
    } catch (error) {
      if (!error.message.includes("the write is not confirmed")) throw error;
      this.unconfirmed += 1;
      return this.write(key);
    }
    key.acknowledged = key.tried;
  }

  async timed(call) {
    const start = now();
    try {
      return await call();
    } finally {
      this.pause = Math.max(this.pause, now() - start);
    }
  }

  report(word) {
    const { errors, lastError: error, unconfirmed, lost, pause } = this;
    say(word, { seconds: now() - this.since, pause, errors, error, unconfirmed, lost });
    this.forget();
  }

  forget() {
    Object.assign(this, { errors: 0, lastError: "", unconfirmed: 0, lost: 0, pause: 0 });
  }
}

function fail(what) {
  say("wrong", { what });
  process.exit(1);
}
