// rate-limiter-flexible: limits hold through the loss of a node: never more is let through than the points, and not less than
// those of which nobody can tell.
import { Cluster, Redis } from "ioredis";
import { RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { CLUSTER, DATABASE, GATEWAYS, OWN, check, done, sleep, throughFaults, unconfirmed } from "./frame.mjs";

const client = OWN ? new Cluster(CLUSTER) : new Redis({ ...GATEWAYS[0], db: DATABASE });
client.on("error", () => {});
const limiter = new RateLimiterRedis({ storeClient: client, keyPrefix: "limit", points: 5, duration: 1 });
for (let n = 0; n < 5; n++) check((await limiter.consume("basic")).remainingPoints === 4 - n, "remaining points");
const refused = await limiter.consume("basic").catch((result) => result);
check(refused instanceof RateLimiterRes && refused.msBeforeNext > 0 && refused.msBeforeNext <= 1000, `refused: ${refused}`);
await sleep(1100);
check((await limiter.consume("basic")).remainingPoints === 4, "the next window");
check((await limiter.penalty("basic", 2)).consumedPoints === 3 && (await limiter.reward("basic")).consumedPoints === 2, "penalty, reward");
await limiter.block("basic", 60);
check((await limiter.consume("basic").catch((result) => result)).msBeforeNext > 50_000, "block");
check((await limiter.delete("basic")) && (await limiter.get("basic")) === null, "delete, get");

const long = new RateLimiterRedis({ storeClient: client, keyPrefix: "strong:long", points: 40, duration: 600 });
const users = Array.from({ length: 40 }, (_, n) => ({ name: `user${n}`, passed: 0, unsure: 0 }));
let turn = 0;
const figures = await throughFaults(async () => {
  const user = users[turn++ % users.length];
  try {
    await long.consume(user.name);
    user.passed += 1;
  } catch (result) {
    if (result instanceof RateLimiterRes) return;
    if (!unconfirmed(result) && !OWN) throw result;
    user.unsure += 1;
  }
  await sleep(5);
});
for (const user of users) {
  for (let n = 0; n < 40; n++) {
    try {
      await long.consume(user.name);
      user.passed += 1;
    } catch (result) {
      if (!(result instanceof RateLimiterRes)) throw result;
      break;
    }
  }
  check(user.passed <= 40, `${user.name} was let through ${user.passed} times of 40`);
  check(user.passed >= 40 - user.unsure, `${user.name} was let through ${user.passed} times, ${user.unsure} not known`);
}
done({ passed: users.reduce((sum, u) => sum + u.passed, 0), unsure: users.reduce((sum, u) => sum + u.unsure, 0), ...figures });
