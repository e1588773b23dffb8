/** Where an agent is: what is known of the address it is observed at, and the form in which that is compared. */

/** What is known of an address; nothing stands for what is not. */
export interface Location {
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country?: string;
  /** Name of the largest subdivision of the country: a state, a province. */
  readonly region?: string;
  /** Its ISO 3166-2 code without the country: `BY`. */
  readonly regionCode?: string;
  readonly city?: string;
  /** Number of the autonomous system, the network that announces the address. */
  readonly asn?: number;
  /** Whose network that is. */
  readonly org?: string;
}

/** Tells where addresses are. */
export interface Locator {
  /** What is known of an address at this moment. Never throws. */
  locate(ip: string): Location;
}

/** A location as filters compare it, its names folded; made once for many comparisons. */
export interface Whereabouts {
  readonly country: string | undefined;
  readonly region: string | undefined;
  readonly regionCode: string | undefined;
  /** Country and code: `DE BY`. */
  readonly isoRegion: string | undefined;
  readonly city: string | undefined;
  readonly asn: number | undefined;
}

/** Of an address nothing is known of. */
export const UNKNOWN_LOCATION: Location = {};

/** The same in the form for comparison. */
export const UNKNOWN_WHEREABOUTS: Whereabouts = whereaboutsOf(UNKNOWN_LOCATION);

/** Knows nothing of any address. */
export const NO_LOCATOR: Locator = { locate: () => UNKNOWN_LOCATION };

/** Folds a location's names. */
export function whereaboutsOf({ country, region, regionCode, city, asn }: Location): Whereabouts {
  const hasCode = country !== undefined && regionCode !== undefined;
  return {
    country: folded(country),
    region: folded(region),
    regionCode: folded(regionCode),
    isoRegion: hasCode ? folded(`${country} ${regionCode}`) : undefined,
    city: folded(city),
    asn,
  };
}

/**
 * The one spelling of a name for comparison: upper case, without accents, words parted by single spaces whatever
 * parts them (`Saint-Denis`, `saint_denis` → `SAINT DENIS`; `Köln`, `koln` → `KOLN`). Empty when no letter or
 * digit is left. Letters that are no accented ones stay: `ł` is no `l`.
 */
export function foldName(name: string): string {
  // Decomposed before and after: case comes to letters that look like others, and some case changes compose anew.
  const upper = name.normalize("NFKD").toLowerCase().toUpperCase().normalize("NFKD");
  return upper
    .replace(/[\u0300-\u036f]+/g, "")
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, " ")
    .trim();
}

/** `undefined` also for a name nothing is left of: it equals no filter's. */
function folded(name: string | undefined): string | undefined {
  return name === undefined ? undefined : foldName(name) || undefined;
}
