// What every JavaScript client does with: the keys, their binary values, and a check that stops at the first wrong byte.
export const KEYS = 10_000;

const blob = Buffer.alloc(1 << 16);
for (let state = 7, i = 0; i < blob.length; i++) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  blob[i] = state >>> 16;
}

// Ten keys share a hash tag, so that some multi-key commands stay in one slot.
export const keys = (label) => Array.from({ length: KEYS }, (_, n) => `${label}:{g${Math.floor(n / 10)}}:${n}`);

export function value(n) {
  const size = 1 + ((n * 7919) % 900);
  return blob.subarray(n % 60_000, (n % 60_000) + size);
}

export function check(ok, label, what) {
  if (!ok) {
    console.error(`FAILED ${label}: ${what}`);
    process.exit(1);
  }
}

export const same = (a, b) => Buffer.isBuffer(a) && Buffer.compare(a, b) === 0;

export const address = (text) => {
  const at = text.lastIndexOf(":");
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
};
