/**
 * Connects to targets: resolves the name, judges every address it has, and dials judged addresses only, so that
 * no second look-up can lead elsewhere (faults A16, G17).
 */
import { lookup } from "node:dns/promises";
import { type Socket, connect, isIP } from "node:net";
import { type TLSSocket, connect as connectTls } from "node:tls";
import { ProxyError } from "@porchlight/protocol/errors";
import { readInto } from "@porchlight/runtime/inner-reads";
import { RoomyReads } from "@porchlight/runtime/roomy-reads";
import { intoStream } from "@porchlight/runtime/roomy-socket";
import { type TargetPolicy, judgeAddress } from "@porchlight/runtime/target-policy";
import { Cancellation } from "./cancellation.ts";
import { type Dialled, raceConnect } from "./race-connect.ts";
import { type TargetPhase, translateTargetError } from "./target-error.ts";

/** Longest time for name, connection and TLS together. Milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Idle time before the kernel asks whether the peer is still there. Milliseconds. */
export const KEEP_ALIVE_DELAY_MS = 60_000;

/** Where to connect. */
export interface Target {
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Speak TLS, and check that the certificate is for `host`. */
  readonly secure: boolean;
}

/** How one connection to a target is made, and what judges its addresses. */
export interface ConnectorOptions {
  readonly policy: TargetPolicy;
  /** Below the default of 10 s. Milliseconds. */
  readonly timeoutMs?: number;
  /**
   * For a tunnel: either side may end alone, what is read has room for the headers of the link, and the kernel does not ask
   * yet whether the peer is still there, which is four system calls to set up.
   */
  readonly forTunnel?: boolean;
  /** All addresses of a name; default: the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

/** What connecting took, in milliseconds. */
export interface ConnectTimings {
  readonly dnsMs: number;
  readonly connectMs: number;
  readonly tlsMs: number;
}

/** An open connection to a target. */
export interface Connected {
  /** What to read from and write to. */
  readonly socket: Socket;
  /** The TCP connection below it, which counts the bytes on the line. */
  readonly carrier: Socket;
  /** For a tunnel: how the socket is read; it is paused. */
  readonly reads?: RoomyReads | undefined;
  readonly address: string;
  readonly timings: ConnectTimings;
}

/** A connection being made. */
export interface ConnectAttempt {
  /** Rejects with a `ProxyError`. */
  readonly connected: Promise<Connected>;
  /** Ends it now; `connected` rejects with `reason`. Does nothing afterwards. */
  abort(reason: ProxyError): void;
}

/** Starts to connect to `target`. */
export function startConnect(target: Target, options: ConnectorOptions): ConnectAttempt {
  const cancellation = new Cancellation();
  return {
    connected: connectInTime(target, options, cancellation),
    abort: (reason) => cancellation.cancel(reason),
  };
}

async function connectInTime(
  target: Target,
  options: ConnectorOptions,
  cancellation: Cancellation,
): Promise<Connected> {
  const timeoutMs = Math.min(options.timeoutMs ?? CONNECT_TIMEOUT_MS, CONNECT_TIMEOUT_MS);
  const timer = setTimeout(() => {
    cancellation.cancel(connectTimeout(target, timeoutMs));
  }, timeoutMs);
  try {
    return await connectTarget(target, options, cancellation);
  } finally {
    clearTimeout(timer);
  }
}

/** The error of a connection that took too long. */
export function connectTimeout(target: Target, timeoutMs: number): ProxyError {
  const where = describeTarget(target);
  return new ProxyError(
    "connect_timeout",
    `${where} did not take the connection in ${timeoutMs} ms`,
  );
}

/** Host and port for messages. */
export function describeTarget({ host, port }: Target): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

async function connectTarget(
  target: Target,
  options: ConnectorOptions,
  cancellation: Cancellation,
): Promise<Connected> {
  let phase: TargetPhase = "resolve";
  try {
    const startedAtMs = performance.now();
    const addresses = await judgedAddresses(target.host, options, cancellation);
    cancellation.check();
    const resolvedAtMs = performance.now();
    phase = "connect";
    const dial = (address: string): Dialled => dialAddress(address, target.port, options);
    const winner = await raceConnect({ addresses, dial, cancellation });
    const { socket: carrier, reads, address } = winner;
    const connectedAtMs = performance.now();
    phase = "tls";
    const socket = target.secure ? await secure(carrier, target.host, cancellation) : carrier;
    const timings = {
      dnsMs: resolvedAtMs - startedAtMs,
      connectMs: connectedAtMs - resolvedAtMs,
      tlsMs: target.secure ? performance.now() - connectedAtMs : 0,
    };
    return { socket, carrier, reads, address, timings };
  } catch (error) {
    throw translateTargetError(
      error,
      phase,
      phase === "resolve" ? target.host : describeTarget(target),
    );
  }
}

/**
 * The addresses of a host, none of them forbidden. One forbidden address refuses the name: an honest name does
 * not point into a home network.
 */
async function judgedAddresses(
  host: string,
  options: ConnectorOptions,
  cancellation: Cancellation,
): Promise<readonly string[]> {
  const isAddress = isIP(host) !== 0;
  const resolve = options.resolve ?? resolveBySystem;
  const addresses = isAddress ? [host] : await untilCancelled(resolve(host), cancellation);
  for (const address of addresses) {
    const refusal = judgeAddress(address, options.policy.allow, options.policy.local);
    if (refusal !== undefined) throw isAddress ? refusal : refusalOfName(host, refusal);
  }
  if (addresses.length === 0) throw new ProxyError("dns_failed", `The name ${host} has no address`);
  return addresses;
}

/** Which address it was stays here: it would tell others what this home's resolver knows. */
function refusalOfName(host: string, refusal: ProxyError): ProxyError {
  const message = `${host} resolves to an address that is not public`;
  return new ProxyError(refusal.code, message, { cause: refusal });
}

async function resolveBySystem(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, order: "verbatim" });
  return found.map(({ address }) => address);
}

function dialAddress(address: string, port: number, options: ConnectorOptions): Dialled {
  const where = { host: address, port, noDelay: true };
  const reads = new RoomyReads();
  if (options.forTunnel !== true) {
    const keptAlive = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS };
    const socket = connect({ ...where, ...keptAlive, onread: reads.options });
    readAsStream(socket, reads);
    return { socket };
  }
  const socket = connect({ ...where, allowHalfOpen: true, onread: reads.options });
  // Nothing is read before somebody hears it.
  socket.pause();
  return { socket, reads };
}

function secure(carrier: Socket, host: string, cancellation: Cancellation): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connectTls({
    socket: carrier,
    host,
    // An address is no server name. Source: RFC 6066 §3.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ["http/1.1"],
  });
  cancellation.listen((reason) => {
    socket.destroy();
    carrier.destroy();
    reject(reason);
  });
  const onError = (error: Error): void => {
    cancellation.listen(undefined);
    carrier.destroy();
    reject(error);
  };
  // Stays, so that an error between here and the new owner's own listener ends nothing.
  carrier.on("error", () => undefined);
  socket.once("error", onError);
  socket.once("secureConnect", () => {
    cancellation.listen(undefined);
    socket.off("error", onError);
    readRecords(socket);
    resolve(socket);
  });
  return promise;
}

/** Lets what is decrypted be read into memory that is used again, where Node can be told to. */
function readRecords(socket: TLSSocket): void {
  const reads = new RoomyReads({ isTls: true });
  if (readInto(socket, reads.options)) readAsStream(socket, reads);
}

/** Gives what is read to whoever reads the socket in Node's way. */
function readAsStream(socket: Socket, reads: RoomyReads): void {
  reads.listener = intoStream(socket);
  socket.once("close", () => reads.close());
}

/** What `promise` gives, or the reason as soon as it is cancelled; the promise itself cannot be stopped. */
function untilCancelled<T>(promise: Promise<T>, cancellation: Cancellation): Promise<T> {
  const { promise: settled, resolve, reject } = Promise.withResolvers<T>();
  cancellation.listen(reject);
  // Before the next step begins to listen.
  promise.finally(() => cancellation.listen(undefined)).then(resolve, reject);
  return settled;
}
