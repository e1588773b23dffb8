/** What a program does on SIGTERM and SIGINT: the first one ends it gracefully, a second one at once. */

/** Exit codes of a program ended by a signal: 128 and the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGBREAK: 149, SIGHUP: 129 } as const;

/** A signal that ends a program. */
export type EndSignal = keyof typeof EXIT_CODES;

const SIGNALS: readonly EndSignal[] = ["SIGINT", "SIGTERM"];

/** Ctrl-Break, and the closing of the console window. On other systems SIGHUP keeps its meaning, for `nohup`. */
const WINDOWS_SIGNALS: readonly EndSignal[] = [...SIGNALS, "SIGBREAK", "SIGHUP"];

/**
 * A terminal signals every process of the group, and npm and the launcher pass the same one on: copies that
 * come within this time are no second wish. Milliseconds.
 */
const ECHO_MS = 250;

/** The part of `process` that this needs. */
export interface SignalledProcess {
  readonly platform: string;
  on(signal: EndSignal, listener: (signal: EndSignal) => void): unknown;
  off(signal: EndSignal, listener: (signal: EndSignal) => void): unknown;
  exit(code: number): void;
}

/**
 * Calls `handler` on the first signal and exits with the code it resolves to (1 when it rejects); another signal
 * exits at once, with 130 for SIGINT and 143 for SIGTERM. The returned function takes everything back.
 */
export function onSignals(
  handler: (signal: EndSignal) => Promise<number>,
  {
    target = process,
    now = () => performance.now(),
  }: { readonly target?: SignalledProcess; readonly now?: () => number } = {},
): () => void {
  const signals = target.platform === "win32" ? WINDOWS_SIGNALS : SIGNALS;
  let firstAtMs: number | undefined;
  const listener = (signal: EndSignal): void => {
    if (firstAtMs === undefined) {
      firstAtMs = now();
      handler(signal).then(
        (code) => target.exit(code),
        () => target.exit(1),
      );
    } else if (now() - firstAtMs > ECHO_MS) {
      target.exit(EXIT_CODES[signal]);
    }
  };
  for (const signal of signals) target.on(signal, listener);
  return () => {
    for (const signal of signals) target.off(signal, listener);
  };
}
