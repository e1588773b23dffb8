/** Waiting for something to become true, always with a deadline: no sleep decides a result. */
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 5;

/**
 * The first truthy value of `condition`, asked every 5 ms.
 * @throws {Error} naming `what` when the deadline (default 5,000 ms) passes before.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  deadlineMs = 5_000,
): Promise<NonNullable<T>> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > endMs) throw new Error(`Waited ${deadlineMs} ms for ${what}`);
    await delay(POLL_MS);
  }
}

/**
 * What `promise` resolves to.
 * @throws {Error} naming `what` when the deadline (default 5,000 ms) passes before.
 */
export async function within<T>(what: string, promise: Promise<T>, deadlineMs = 5_000): Promise<T> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    timeout.reject(new Error(`Waited ${deadlineMs} ms for ${what}`));
  }, deadlineMs);
  try {
    return await Promise.race([promise, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}
