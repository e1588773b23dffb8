/**
 * What an address database is about, by the words in the type that its metadata give: `GeoLite2-ASN`,
 * `DBIP-Location (compat=City)`, `ipinfo generic_country.mmdb`. One of the other content is readable and finds
 * nothing. A type that names both contents or neither may be either: types are free text.
 */

/** Contents of a database: countries, regions and cities, or autonomous systems. */
export type MmdbContent = "places" | "networks";

/** In the types of MaxMind, DB-IP and IPinfo. Enterprise ones have networks too, but not where a lookup finds them. */
const WORDS: Readonly<Record<MmdbContent, readonly string[]>> = {
  places: ["city", "country", "location", "enterprise"],
  networks: ["asn", "isp"],
};

/** The only content that a database's type speaks of; `undefined` when it leaves that open, or there is no type. */
export function contentOf(databaseType: string | undefined): MmdbContent | undefined {
  const words = (databaseType ?? "").toLowerCase().split(/[^a-z0-9]+/);
  const has = (content: MmdbContent): boolean =>
    WORDS[content].some((word) => words.includes(word));
  if (has("places") === has("networks")) return undefined;
  return has("places") ? "places" : "networks";
}
