/** How keys are shown on the command line: never with their secret or hash, save once at their creation. */
import type { Role } from "@porchlight/protocol/key-format";
import type { CreatedKey } from "../accounts/keys.ts";
import type { StoredKey } from "../state/key-store.ts";
import { formatTable } from "./text-table.ts";

const USE: Readonly<Record<Role, string>> = {
  agent: "On the home computer: AGENT_KEY=KEY ORCH_WS=wss://HOST/agent npx porchlight-agent",
  client:
    'In requests: -H "Authorization: Bearer KEY", or PORCHLIGHT_KEY=KEY npx porchlight request URL',
  admin: 'In requests: -H "Authorization: Bearer KEY", or PORCHLIGHT_KEY=KEY npx porchlight agents',
};

/** A new key and what to do with it: the key alone on the first line. */
export function describeCreatedKey({ secret, key }: CreatedKey): string {
  const until = key.expiresAtMs === undefined ? "" : `, valid until ${isoTime(key.expiresAtMs)}`;
  return [
    secret,
    "",
    `Shown only this once. ${key.id}, role ${key.role}, name ${key.name}${until}`,
    USE[key.role],
    "",
  ].join("\n");
}

/** All keys as a table, or a hint when there are none. */
export function keyTable(keys: readonly StoredKey[], nowMs: number): string {
  if (keys.length === 0) return "No keys yet: porchlight keys create --role client --name NAME\n";
  const rows = keys.map((key) => [
    key.id,
    key.role,
    key.name,
    stateOf(key, nowMs),
    isoTime(key.createdAtMs),
    key.expiresAtMs === undefined ? "never" : isoTime(key.expiresAtMs),
  ]);
  return formatTable(["ID", "ROLE", "NAME", "STATE", "CREATED", "EXPIRES"], rows);
}

/** A key for programs; times are ISO 8601, UTC. */
export function viewOfKey(key: StoredKey) {
  const { id, name, role, createdAtMs, expiresAtMs, revokedAtMs } = key;
  return {
    id,
    name,
    role,
    createdAt: isoTime(createdAtMs),
    expiresAt: expiresAtMs === undefined ? null : isoTime(expiresAtMs),
    revokedAt: revokedAtMs === undefined ? null : isoTime(revokedAtMs),
  };
}

function stateOf(key: StoredKey, nowMs: number): "valid" | "revoked" | "expired" {
  if (key.revokedAtMs !== undefined) return "revoked";
  return nowMs < (key.expiresAtMs ?? Infinity) ? "valid" : "expired";
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
