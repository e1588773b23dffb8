/**
 * Preloaded (`--import`) into every child that a script starts: when the channel to the parent closes, whether the
 * parent asked for it or was killed, the child ends as on SIGTERM. Works on every platform, since no signal is sent.
 */

/** A child that is still there this long after is ended outright. Milliseconds. */
const FORCED_AFTER_MS = 10_000;

/** Exit code of a process that SIGTERM ended. */
const TERMINATED = 143;

process.once("disconnect", () => {
  // oxlint-disable-next-line unicorn/no-process-exit -- nothing has been set up that could end by itself
  if (!process.emit("SIGTERM", "SIGTERM")) process.exit(TERMINATED);
  setTimeout(() => process.exit(TERMINATED), FORCED_AFTER_MS).unref();
});

// Listening for the channel's end must not keep a finished child alive.
process.channel?.unref();
