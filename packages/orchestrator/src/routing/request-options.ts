/** What a request may ask of routing, whichever door it came through: where it leaves, and whether it stays there. */
import { ProxyError } from "@porchlight/protocol/errors";
import type { RequestFields } from "@porchlight/protocol/job";
import type { Labels } from "@porchlight/protocol/message";

/** Where the work should leave. All given filters have to match. */
export interface Targeting {
  /** Id or name. */
  readonly agent?: string;
  readonly labels?: Labels;
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country?: string;
  /** Name or ISO 3166-2 code of the subdivision. */
  readonly region?: string;
  readonly city?: string;
  /** Number of the autonomous system. */
  readonly asn?: number;
}

/** A sticky session as a client asks for it. */
export interface SessionWish {
  /** The client's name for it; the same of another account is another session. */
  readonly id: string;
  /** From its first request on. Milliseconds. */
  readonly ttlMs: number;
  /** Fail with `session_lost` rather than move to another exit. */
  readonly strict: boolean;
}

/** What a request asks of routing, checked. */
export interface RequestOptions {
  readonly targeting: Targeting;
  readonly session: SessionWish | undefined;
  /** Free text for logs. */
  readonly tag: string | undefined;
}

/** What is known of where exits are. */
export interface GeoKnowledge {
  /** Countries, regions and cities: `ORCH_GEOIP_DB` is in use. */
  readonly places: boolean;
  /** Autonomous systems: `ORCH_ASN_DB` is in use. */
  readonly networks: boolean;
}

/** `sessionTtl` of a request that gives none. Source: contract, section "Job". */
export const DEFAULT_TTL_SECONDS = 600;

const ANYWHERE: Targeting = {};

/**
 * Completes what a client asks of routing; the fields have passed their schema.
 * @throws {ProxyError} `no_agent_available` when exits are asked for by a place or network that nobody here knows;
 * `invalid_request` for `sessionTtl` or `sessionStrict` without a session
 */
export function requestOptions(fields: RequestFields, known: GeoKnowledge): RequestOptions {
  const targeting = targetingOf(fields);
  refuseUnknowable(targeting, known);
  return { targeting, session: sessionOf(fields), tag: fields.tag };
}

function targetingOf(fields: RequestFields): Targeting {
  const { agent, labels, country, region, city, asn } = fields;
  const given = { agent, labels, country: country?.toUpperCase(), region, city, asn };
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? ANYWHERE : Object.fromEntries(entries);
}

function sessionOf(fields: RequestFields): SessionWish | undefined {
  const { session, sessionTtl, sessionStrict } = fields;
  if (session !== undefined) {
    const ttlMs = (sessionTtl ?? DEFAULT_TTL_SECONDS) * 1000;
    return { id: session, ttlMs, strict: sessionStrict ?? false };
  }
  const field = fieldWithoutSession(fields);
  if (field === undefined) return undefined;
  throw new ProxyError("invalid_request", `"${field}" ${NEEDS_SESSION}`);
}

/** A field that says how a session is to be, of a request that asks for none. */
export function fieldWithoutSession(fields: RequestFields): SessionField | undefined {
  if (fields.session !== undefined) return undefined;
  return SESSION_FIELDS.find((field) => fields[field] !== undefined);
}

/** What is wrong with such a field. */
export const NEEDS_SESSION = 'means nothing without "session"';

const SESSION_FIELDS = ["sessionTtl", "sessionStrict"] as const;
type SessionField = (typeof SESSION_FIELDS)[number];

function refuseUnknowable({ country, region, city, asn }: Targeting, known: GeoKnowledge): void {
  if (!known.places && (country ?? region ?? city) !== undefined) {
    throw unknowable("Where exits are", "ORCH_GEOIP_DB");
  }
  if (!known.networks && asn !== undefined) {
    throw unknowable("Which networks exits are on", "ORCH_ASN_DB");
  }
}

function unknowable(what: string, setting: string): ProxyError {
  return new ProxyError("no_agent_available", `${what} is not known here: ${setting} is not set`);
}
