/**
 * What records of address databases say, in the schemas that are common: MaxMind's (GeoLite2, GeoIP2; DB-IP has
 * the same), where places are nested and have names in several languages, and flat ones (IPinfo). A field that
 * is not as expected is not known.
 */
import type { Location } from "./location.ts";

/** Country, region and city of a record of places. */
export function placeOf(record: unknown): Location {
  const [country, city] = [field(record, "country"), field(record, "city")];
  const subdivision = field(field(record, "subdivisions"), "0");
  return known({
    // Flat ones may have the country's name beside its code.
    country: isoCode(field(country, "iso_code"), field(record, "country_code"), country),
    region: text(nameOf(subdivision), field(record, "region")),
    regionCode: text(field(subdivision, "iso_code"), field(record, "region_code")),
    city: text(nameOf(city), city),
  });
}

/** Number and owner of the network in a record of networks. */
export function networkOf(record: unknown): Location {
  return known({
    asn: asNumber(field(record, "autonomous_system_number") ?? field(record, "asn")),
    org: text(
      field(record, "autonomous_system_organization"),
      field(record, "as_name"),
      field(record, "name"),
    ),
  });
}

function field(value: unknown, name: string): unknown {
  const isObject = typeof value === "object" && value !== null && Object.hasOwn(value, name);
  return isObject ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** The English name of a place, or the first there is. */
function nameOf(place: unknown): unknown {
  const names = field(place, "names");
  if (typeof names !== "object" || names === null) return undefined;
  return field(names, "en") ?? Object.values(names)[0];
}

/** The first that is a text with something in it. */
function text(...candidates: readonly unknown[]): string | undefined {
  return candidates.find((it): it is string => typeof it === "string" && it !== "");
}

function isoCode(...candidates: readonly unknown[]): string | undefined {
  const codes = candidates.filter((it) => typeof it === "string" && /^[a-z]{2}$/i.test(it));
  return text(...codes)?.toUpperCase();
}

/** `64496`, or `"AS64496"`. */
function asNumber(value: unknown): number | undefined {
  const number = typeof value === "string" ? Number(/^AS(\d+)$/i.exec(value)?.[1]) : value;
  return typeof number === "number" && number > 0 ? number : undefined;
}

/** A location of what is not `undefined`. */
function known(fields: {
  readonly [Name in keyof Location]: Location[Name] | undefined;
}): Location {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
