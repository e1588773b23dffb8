import { parse } from "tldts";

/** Where one job or tunnel is bound for. */
export class Target {
  readonly #host: string;
  #domain: string | undefined;

  /** Takes a name or an address, with or without a port. */
  constructor(host: string) {
    this.#host = host;
  }

  /**
   * What counts as one target when exits are timed, cooled down and paced: the registrable domain of a name
   * (`example.co.uk` of `www.example.co.uk`, `me.github.io` of itself), or the address. Looked up when first asked for.
   */
  get domain(): string {
    this.#domain ??= domainOf(this.#host);
    return this.#domain;
  }
}

function domainOf(host: string): string {
  const { domain, hostname } = parse(host, { allowPrivateDomains: true, validateHostname: false });
  // Addresses and names of one label have no domain above them.
  return domain ?? hostname ?? host;
}
