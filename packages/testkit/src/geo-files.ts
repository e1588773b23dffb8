/** Databases of places and networks for tests: addresses kept for documentation, made to be somewhere. */
import { encodeMmdb, type MmdbValue } from "./mmdb-encoder.ts";
import type { TemporaryFolder } from "./temporary-folder.ts";

/** An address at each place of the databases. */
export const HOMES = {
  /** DE, Bavaria (BY), AS64496. */
  munich: "203.0.113.7",
  /** DE, North Rhine-Westphalia (NW), AS64496; the city is called Köln. */
  cologne: "203.0.113.71",
  /** FR, Île-de-France (IDF), AS64497. */
  paris: "203.0.113.135",
  /** US, New York (NY), AS64498. */
  newYork: "198.51.100.7",
  /** US, California (CA), AS64498. */
  losAngeles: "198.51.100.135",
  /** DE, Berlin (BE), AS64496. */
  berlin: "2001:db8:49::7",
  /** In neither database. */
  nowhere: "192.0.2.7",
} as const;

const BAVARIA = ["DE", "BY", "Bavaria"] as const;
const NEW_YORK = ["US", "NY", "New York"] as const;

const PLACES: Readonly<Record<string, MmdbValue>> = {
  "203.0.113.0/26": place(BAVARIA, "Munich"),
  "203.0.113.64/26": place(["DE", "NW", "North Rhine-Westphalia"], "Köln"),
  "203.0.113.128/25": place(["FR", "IDF", "Île-de-France"], "Paris"),
  "198.51.100.0/24": place(NEW_YORK, "New York"),
  "198.51.100.128/25": place(["US", "CA", "California"], "Los Angeles"),
  "2001:db8:49::/48": place(["DE", "BE", "Berlin"], "Berlin"),
  // On this machine, for agents that bind such an address.
  "127.49.0.0/16": place(BAVARIA, "Munich"),
  "127.1.0.0/16": place(NEW_YORK, "New York"),
};

const NETWORKS: Readonly<Record<string, MmdbValue>> = {
  "203.0.113.0/25": network(64_496, "Example Telekom"),
  "203.0.113.128/25": network(64_497, "Exemple Télécom"),
  "198.51.100.0/24": network(64_498, "Example Broadband"),
  "2001:db8:49::/48": network(64_496, "Example Telekom"),
  "127.49.0.0/16": network(64_496, "Example Telekom"),
  "127.1.0.0/16": network(64_498, "Example Broadband"),
};

/** Paths of the two databases. */
export interface GeoFiles {
  readonly places: string;
  readonly networks: string;
}

/** Writes both databases into a folder; `moved` replaces what is known of some networks (CIDR → record). */
export async function writeGeoFiles(
  folder: TemporaryFolder,
  moved: Readonly<Record<string, MmdbValue>> = {},
): Promise<GeoFiles> {
  const places = encodeMmdb("Porchlight-Test-City", { ...PLACES, ...moved });
  const networks = encodeMmdb("Porchlight-Test-ASN", NETWORKS);
  return {
    places: await folder.write("places.mmdb", places),
    networks: await folder.write("networks.mmdb", networks),
  };
}

/** A record as in GeoLite2 City. */
export function place(
  [country, code, region]: readonly [country: string, code: string, region: string],
  city: string,
): MmdbValue {
  return {
    city: { names: { en: city } },
    country: { iso_code: country },
    location: { latitude: 48.5, longitude: -11.25 },
    subdivisions: [{ iso_code: code, names: { en: region } }],
  };
}

/** A record as in GeoLite2 ASN. */
function network(asn: number, org: string): MmdbValue {
  return { autonomous_system_number: asn, autonomous_system_organization: org };
}
