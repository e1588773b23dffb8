/**
 * A proxy username → the same fields that a job has: `NAME[-key-value]…`, keys in any order and case. Between
 * dashes stands a value as it is, or percent-encoded where it holds a dash itself (`city-saint%2Dtropez`). `_` stands for
 * a space: in what is compared with an agent's that is up to the comparison, which takes it for itself as well.
 * Source: contract, section "Proxy".
 */
import { ProxyError } from "@porchlight/protocol/errors";
import { RequestFields } from "@porchlight/protocol/job";
import { MAX_LABELS } from "@porchlight/protocol/limits";
import { ruleOf } from "@porchlight/protocol/schema-rule";
import { Compile } from "typebox/compile";
import { fieldWithoutSession, NEEDS_SESSION } from "./request-options.ts";

/** Longest username; SOCKS5 has 255 bytes at most. Characters. */
export const MAX_USERNAME_CHARS = 1024;

/** Longest piece of a username that is shown in a message. Characters. */
const SHOWN_CHARS = 64;

/** Stands where bytes were that are no UTF-8; no name has it. Source: Unicode §23.8, U+FFFD. */
const REPLACED = "\ufffd";

/** Names and labels of agents are without them. */
const CONTROL_CHARACTER = /\p{Cc}/u;

const SHAPE = Compile(RequestFields);

/** Parameter → field. */
const FIELDS: Readonly<Record<string, keyof RequestFields>> = {
  country: "country",
  cc: "country",
  region: "region",
  state: "region",
  st: "region",
  city: "city",
  asn: "asn",
  label: "labels",
  agent: "agent",
  session: "session",
  sessid: "session",
  sid: "session",
  sesstime: "sessionTtl",
  ttl: "sessionTtl",
  strict: "sessionStrict",
  const: "sessionStrict",
  tag: "tag",
};

/** The username's own way to write a time, and the schema's bounds in it. */
const TIME_RULE = "must be a time such as 30s, 10m or 1h, 24h at most";

const UNIT_SECONDS: Readonly<Record<string, number>> = { "": 60, s: 1, m: 60, h: 3600 };

type Draft = { -readonly [Field in keyof RequestFields]: RequestFields[Field] };

/**
 * Reads a username. `keyName` is the name of the key that came with it: a username may begin with it even where
 * it holds dashes; any other name ends at the first dash.
 * @throws {ProxyError} `invalid_request` naming the parameter that is unknown, repeated, means nothing here, or
 * has a bad value, and never the value (faults F27)
 */
export function parseUsername(username: string, keyName: string): RequestFields {
  if (username.length > MAX_USERNAME_CHARS) {
    const message = `The proxy username has more than ${MAX_USERNAME_CHARS} characters`;
    throw new ProxyError("invalid_request", message);
  }
  const [...tokens] = parametersOf(username, keyName);
  const draft: Draft = {};
  const written = new Map<keyof RequestFields, string>();
  while (tokens.length > 0) {
    const key = tokens.shift() ?? "";
    written.set(takeParameter(draft, key, tokens), key);
  }
  const field = fieldWithoutSession(draft);
  // Told here, by the name that the client knows it by.
  if (field !== undefined) throw bad(written.get(field) ?? field, NEEDS_SESSION);
  return draft;
}

function parametersOf(username: string, keyName: string): readonly string[] {
  if (username === keyName) return [];
  if (keyName !== "" && username.startsWith(`${keyName}-`)) {
    return username.slice(keyName.length + 1).split("-");
  }
  return username.split("-").slice(1);
}

/** Gives the field that it has set. */
function takeParameter(draft: Draft, key: string, tokens: string[]): keyof RequestFields {
  const name = key.toLowerCase();
  const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
  if (field === undefined) {
    throw new ProxyError(
      "invalid_request",
      `The proxy username has an unknown parameter ${shown(key)}`,
    );
  }
  if (Object.hasOwn(draft, field) && field !== "labels") throw bad(key, "is given twice");
  if (field === "sessionStrict") {
    draft.sessionStrict = true;
    return field;
  }
  const written = tokens.shift();
  const text = decode(key, field === "tag" ? written?.replaceAll("_", " ") : written);
  if (field === "labels") takeLabel(draft, key, text);
  else if (field === "asn") draft.asn = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  else if (field === "sessionTtl") draft.sessionTtl = seconds(text);
  else draft[field] = text;
  // Judged by the schema of the job API's fields: one rule for both doors.
  const { [field]: value } = draft;
  if (!SHAPE.Check({ [field]: value })) throw bad(key, ruleFor(field, value));
  return field;
}

function ruleFor(field: keyof RequestFields, value: unknown): string {
  const [flaw] = SHAPE.Errors({ [field]: value });
  return flaw === undefined || field === "sessionTtl" ? TIME_RULE : ruleOf(flaw);
}

function decode(key: string, value: string | undefined): string {
  if (value === undefined || value === "") throw bad(key, "has no value");
  const text = percentDecoded(key, value);
  // No agent could match either: it would look as if nobody were there (faults A30).
  if (text.includes(REPLACED)) throw bad(key, "is not valid UTF-8");
  if (CONTROL_CHARACTER.test(text)) throw bad(key, "has control characters");
  return text;
}

function percentDecoded(key: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw bad(key, "is not validly percent-encoded");
  }
}

function takeLabel(draft: Draft, key: string, text: string): void {
  const mark = text.indexOf("=");
  if (mark < 1) throw bad(key, "has to be KEY=VALUE");
  const label = text.slice(0, mark);
  const labels = new Map(Object.entries(draft.labels ?? {}));
  if (labels.has(label)) throw bad(key, "is given twice for one KEY");
  if (labels.size >= MAX_LABELS) throw bad(key, `is given more than ${MAX_LABELS} times`);
  labels.set(label, text.slice(mark + 1));
  draft.labels = Object.fromEntries(labels);
}

/** `10` and `10m` are minutes, `30s` seconds, `1h` hours. */
function seconds(text: string): number {
  const [, count, unit = ""] = /^(\d{1,6})([smh]?)$/i.exec(text) ?? [];
  return Number(count) * (UNIT_SECONDS[unit.toLowerCase()] ?? Number.NaN);
}

function bad(key: string, flaw: string): ProxyError {
  return new ProxyError("invalid_request", `The proxy username's parameter ${shown(key)} ${flaw}`);
}

/** What a client wrote, quoted, escaped and cut. */
function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text);
}
