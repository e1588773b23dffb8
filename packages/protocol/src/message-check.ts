/** Checks control messages of the peer against their schemas. */
import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import { ProtocolViolation } from "./frame.ts";
import {
  Drain,
  Hello,
  HttpHead,
  type Open,
  OpenHttp,
  OpenTcp,
  Status,
  TcpHead,
  Trailers,
  Welcome,
} from "./message.ts";

const SCHEMAS = {
  hello: Hello,
  welcome: Welcome,
  drain: Drain,
  status: Status,
  head: Type.Union([HttpHead, TcpHead]),
  trailers: Trailers,
};

type Schemas = typeof SCHEMAS;
type MessageName = keyof Schemas;

const CHECKS = {
  hello: Compile(SCHEMAS.hello),
  welcome: Compile(SCHEMAS.welcome),
  drain: Compile(SCHEMAS.drain),
  status: Compile(SCHEMAS.status),
  head: Compile(SCHEMAS.head),
  trailers: Compile(SCHEMAS.trailers),
};

const OPEN_HTTP = Compile(OpenHttp);
const OPEN_TCP = Compile(OpenTcp);

interface Check {
  Check(value: unknown): boolean;
  Errors(value: unknown): readonly { readonly instancePath: string; readonly message: string }[];
}

/**
 * A decoded control message, as its type.
 * @throws {ProtocolViolation} naming the first wrong field
 */
export function parseMessage<Name extends MessageName>(
  name: Name,
  value: unknown,
): Static<Schemas[Name]> {
  const check: Check = CHECKS[name];
  if (check.Check(value)) return value as Static<Schemas[Name]>;
  throw violation(name, check, value);
}

/** What an OPEN frame asks. @throws {ProtocolViolation} naming the first wrong field */
export function parseOpen(value: unknown): Open {
  if (OPEN_HTTP.Check(value)) return value;
  if (OPEN_TCP.Check(value)) return value;
  const isTcp =
    typeof value === "object" && value !== null && "kind" in value && value.kind === "tcp";
  throw violation("open", isTcp ? OPEN_TCP : OPEN_HTTP, value);
}

function violation(name: string, check: Check, value: unknown): ProtocolViolation {
  const first = check.Errors(value)[0];
  const where = first === undefined || first.instancePath === "" ? name : name + first.instancePath;
  return new ProtocolViolation(`${where} ${first?.message ?? "is not valid"}`);
}
