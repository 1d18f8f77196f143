// connect-redis: a real express server with sessions, and browsers that log in, count their visits and log out.
import { RedisStore } from "connect-redis";
import express from "express";
import session from "express-session";
import { createClient, createCluster } from "redis";
import { CLUSTER, DATABASE, GATEWAYS, OWN, check, done, sleep, throughFaults, unconfirmed } from "./frame.mjs";

// The cluster door has database 0 alone.
const client = OWN
  ? createCluster({ rootNodes: CLUSTER.map((socket) => ({ socket })), defaults: {} })
  : createClient({ socket: GATEWAYS[0], database: DATABASE });
let lost = 0;
client.on("error", () => lost++);
await client.connect();
const store = new RedisStore({ client, prefix: "sess:", ttl: 600 });

const app = express();
app.use(session({ store, secret: "of this test", resave: false, saveUninitialized: false, cookie: { maxAge: 600_000 } }));
app.post("/login/:user", (req, res) => {
  req.session.user = req.params.user;
  req.session.visits = 0;
  req.session.save((error) => (error ? res.status(503).send(String(error)) : res.send("welcome")));
});
app.get("/visit", (req, res) => {
  if (!req.session.user) return res.status(401).send("who are you?");
  req.session.visits += 1;
  const { user, visits } = req.session;
  req.session.save((error) => (error ? res.status(503).send(String(error)) : res.json({ user, visits })));
});
app.post("/logout", (req, res) => req.session.destroy((error) => (error ? res.status(503).send(String(error)) : res.send("bye"))));
// express-session saves once more as it ends a response: that may fail after the answer has gone.
app.use((error, req, res, next) => (res.headersSent ? res.end() : res.status(503).send(String(error))));
const server = app.listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

class Browser {
  constructor(user) {
    this.user = user;
  }
  async go(method, path) {
    const response = await fetch(origin + path, { method, headers: this.cookie ? { cookie: this.cookie } : {} });
    const set = response.headers.get("set-cookie");
    if (set) this.cookie = set.split(";")[0];
    return { status: response.status, text: await response.text() };
  }
  async login() {
    this.low = this.high = 0;
    check((await this.go("POST", `/login/${this.user}`)).status === 200, "login");
  }
  // A visit that was answered counts; of one that nobody can tell of it counts or not. Where what a dying node wrote last may be
  // lost (OWN: database 0 is eventual), fewer may be there.
  async visit() {
    const { status, text } = await this.go("GET", "/visit");
    if (status === 503 && (unconfirmed(text) || OWN)) {
      this.high += 1;
      this.unsure = (this.unsure ?? 0) + 1;
      return;
    }
    if (OWN && status === 401) return this.login();
    check(status === 200, `${this.user}: ${status} ${text}`);
    const { user, visits } = JSON.parse(text);
    check(user === this.user, `${this.user} sees the session of ${user}`);
    check(visits <= this.high + 1 && (OWN || visits > this.low), `${user}: visit ${visits}, not ${this.low + 1} to ${this.high + 1}`);
    this.low = visits;
    this.high = Math.max(this.high, visits);
    if (!OWN) this.high = visits;
  }
}

const browsers = Array.from({ length: 60 }, (_, n) => new Browser(`user${n}`));
for (const browser of browsers) await browser.login();
check((await store.length()) === 60 && (await store.ids()).length === 60, "length, ids");
check((await store.all()).every((s) => s.user.startsWith("user")), "all");
const guest = new Browser("guest");
check((await guest.go("GET", "/visit")).status === 401, "a visit without a session");
await guest.login();
await guest.visit();
check((await guest.go("POST", "/logout")).status === 200 && (await guest.go("GET", "/visit")).status === 401, "logout");
await new Promise((resolve, reject) => store.touch("none", { cookie: {} }, (error) => (error ? reject(error) : resolve())));
const brief = new RedisStore({ client, prefix: "brief:", ttl: 1 });
await brief.set("x", { cookie: {}, a: 1 });
check((await brief.get("x")).a === 1, "set, get");
await sleep(1200);
check(!(await brief.get("x")), "ttl");

let turn = 0;
const figures = await throughFaults(() => browsers[turn++ % 20 + 20 * (turn % 3)].visit(), { threads: 1 });
for (const browser of browsers) await browser.visit();
if (!OWN) check((await store.length()) === 60, `${await store.length()} of 60 sessions are there`);
await store.clear();
check((await store.length()) === 0, "clear");
done({ visits: browsers.reduce((sum, b) => sum + b.high, 0), unsure: browsers.reduce((sum, b) => sum + (b.unsure ?? 0), 0), lost, ...figures });
