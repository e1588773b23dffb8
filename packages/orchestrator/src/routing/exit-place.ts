/** Where an exit has to be: the part of a filter that is compared with an agent's whereabouts. */
import { foldName, type Whereabouts } from "../agents/location.ts";
import type { Targeting } from "./request-options.ts";

/** Wanted places, names folded; `undefined` stands for any. */
export interface WantedPlace {
  readonly country: string | undefined;
  /** Name, or ISO 3166-2 code with or without the country. */
  readonly region: string | undefined;
  readonly city: string | undefined;
  readonly asn: number | undefined;
}

/** The places of a client's targeting; `undefined` when it names none. */
export function compilePlace({ country, region, city, asn }: Targeting): WantedPlace | undefined {
  if (country === undefined && region === undefined && city === undefined && asn === undefined) {
    return undefined;
  }
  return { country: fold(country), region: fold(region), city: fold(city), asn };
}

/** Whether it is all that is wanted. */
export function isAt(whereabouts: Whereabouts, wanted: WantedPlace): boolean {
  const { country, region, city, asn } = wanted;
  if (country !== undefined && whereabouts.country !== country) return false;
  if (asn !== undefined && whereabouts.asn !== asn) return false;
  if (city !== undefined && whereabouts.city !== city) return false;
  return region === undefined || isInRegion(whereabouts, region);
}

function isInRegion(whereabouts: Whereabouts, region: string): boolean {
  return (
    whereabouts.region === region ||
    whereabouts.regionCode === region ||
    whereabouts.isoRegion === region
  );
}

/** A name nothing is left of stays empty, and is nowhere: what was asked for must not become any place. */
function fold(name: string | undefined): string | undefined {
  return name === undefined ? undefined : foldName(name);
}
