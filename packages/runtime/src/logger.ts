/**
 * Structured logs: JSON lines on stdout, readable text on a terminal. Lines are collected for at most
 * 100 ms and written together; nothing is built for a line below the level. Secrets never get out.
 */
import { createRequire } from "node:module";
import type * as PinoPretty from "pino-pretty";
import { pino, type DestinationStream, type Logger as PinoLogger } from "pino";
import { openLogDestination } from "./logger-destination.ts";
import { createSecrets } from "./logger-redaction.ts";

/** Levels that may be asked for, from the most to the least talkative. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** One of `LOG_LEVELS`. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A logger: `logger.info({ jobId }, "Job done")`; fields first, then a sentence without a final period. */
export type Logger = PinoLogger;

/** Everything this process must not log; register a secret as soon as it is known. */
export const secrets = createSecrets();

/** Who logs, from which level on, in which form and where to. */
export interface LoggerOptions {
  /** Program or part of it, in every line. */
  readonly name: string;
  readonly level: LogLevel;
  /** Text for people instead of JSON; default: whether stdout is a terminal. */
  readonly pretty?: boolean;
  /** Where lines go; default: stdout, collected. */
  readonly destination?: DestinationStream;
}

/** Creates the logger of a program; parts of it use `logger.child({ … })`. */
export function createLogger(options: LoggerOptions): Logger {
  const { name, level, pretty = process.stdout.isTTY, destination } = options;
  const prettify = pretty ? createPrettifier() : undefined;
  return pino(
    {
      level,
      base: { name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error: unknown) => describeError(error, level) },
      hooks: {
        streamWrite: (line) => {
          const clean = secrets.redact(line);
          return prettify === undefined ? clean : prettify(clean);
        },
      },
    },
    destination ?? openLogDestination(process.stdout.fd),
  );
}

/** A logger that says nothing, for tests and libraries. */
export function silentLogger(): Logger {
  return pino({ level: "silent" });
}

/** Loaded when a terminal is there only: a service never needs it, and it costs 17 ms and 5 MB. */
function createPrettifier(): (line: string) => string {
  const load = createRequire(import.meta.url);
  const { prettyFactory } = load("pino-pretty") as typeof PinoPretty;
  return prettyFactory({
    colorize: process.stdout.isTTY,
    ignore: "name",
    singleLine: true,
    translateTime: "SYS:HH:MM:ss",
  });
}

/** More causes than these are a loop. */
const MOST_CAUSES = 8;

/** An error as fields; its stack only when somebody is debugging. */
function describeError(error: unknown, level: LogLevel, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const code = "code" in error ? error.code : undefined;
  const stack = level === "debug" || level === "trace" ? error.stack : undefined;
  const hasCause = error.cause !== undefined && depth < MOST_CAUSES;
  const cause = hasCause ? describeError(error.cause, level, depth + 1) : undefined;
  return { type: error.name, code, message: error.message, cause, stack };
}
